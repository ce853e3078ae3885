"""All injectors, found by walking this package."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from functools import lru_cache

from rerank_guard import faults
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.faults.injector import Injector

__all__ = ["all_injectors", "injector", "readings"]

_KINDS = "DTOSPMB"
"""First letters of the ids, in the order in which a reranker is made: data, tokens, optimisation, scoring, scores of
pairs, metric, baseline."""


@lru_cache(maxsize=1)
def all_injectors() -> tuple[Injector, ...]:
    """Every injector, in the order in which a reranker is made.

    Raises:
        ValueError: two have one id.
    """
    found: dict[str, Injector] = {}
    for module in pkgutil.iter_modules(faults.__path__, f"{faults.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Injector) and found.setdefault(value.id, value) is not value:
                raise ValueError(f"two injectors have the id {value.id!r}; give one of them another")
    return tuple(sorted(found.values(), key=_place))


def injector(injector_id: str) -> Injector:
    """The injector of an id such as "D1", upper or lower case; "D5" is the first of its readings, "D5a".

    Raises:
        UnknownNameError: there is none; the message shows the closest.
    """
    return readings(injector_id)[0]


def readings(injector_id: str) -> tuple[Injector, ...]:
    """All readings of an injector: "D5" gives "D5a", "D5b" and so on, "D5b" itself alone.

    Raises:
        UnknownNameError: there is none; the message shows the closest.
    """
    wanted = injector_id.strip().lower()
    found = tuple(
        each
        for each in all_injectors()
        if each.id.lower() == wanted or (each.id[:-1].lower() == wanted and each.id[-1].isalpha())
    )
    if found:
        return found
    known = {each.id.lower(): each.id for each in all_injectors()}
    close = [known[key] for key in difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)]
    hint = f"; the closest are {', '.join(close)}" if close else ""
    raise UnknownNameError(
        f"there is no fault {injector_id!r}{hint}. `rerank_guard.faults.all_injectors()` lists all."
    )


def _place(each: Injector) -> tuple[int, int, str]:
    letter, number, reading = re.fullmatch(r"([A-Z]+)(\d+)([a-z]*)", each.id).groups()  # type: ignore[union-attr]
    return _KINDS.index(letter) if letter in _KINDS else len(_KINDS), int(number), reading
