"""All fault records by name, found by walking `core.faults`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from rerank_guard.core import faults
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.fault import Fault

__all__ = ["all_faults", "fault_named"]


@lru_cache(maxsize=1)
def all_faults() -> Mapping[str, Fault]:
    """Every fault by name, in the order of the stages and, within a stage, of the records.

    Raises:
        UnknownNameError: a record refers to a fault that has no record.
        ValueError: two records have one name.
    """
    found: dict[str, Fault] = {}
    for module in pkgutil.iter_modules(faults.__path__, f"{faults.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Fault) and found.setdefault(value.name, value) is not value:
                raise ValueError(f"two fault records are named {value.name!r}; give one of them another name")
    for record in found.values():
        for name in sorted(record.explains | record.confused_with):
            if name not in found:
                raise UnknownNameError(_unknown(name, found, f"the record of {record.name!r} refers to it"))
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: item[1].stage)))


def fault_named(name: str) -> Fault:
    """The record of a fault.

    Raises:
        UnknownNameError: there is none; the message shows the closest names.
    """
    known = all_faults()
    if name not in known:
        raise UnknownNameError(_unknown(name, known, "`rerank_guard.core.fault_catalogue.all_faults()` lists all"))
    return known[name]


def _unknown(name: str, known: Mapping[str, Fault], hint: str) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    closest = f"; the closest are {', '.join(close)}" if close else ""
    return f"there is no fault {name!r}{closest} ({hint})."
