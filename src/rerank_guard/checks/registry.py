"""All checks, found by walking this package: a check is a `Check` in a module of its own name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType, ModuleType
from typing import Any

from rerank_guard import checks
from rerank_guard.core.check import Check

__all__ = ["all_checks", "check_of"]


@lru_cache(maxsize=1)
def all_checks() -> Mapping[str, Check[...]]:
    """Every check by name, in suite order: by stage, early ones first, then by name.

    Raises:
        TypeError: a check is not in the module of its name, or not in the folder of its stage; or two have one name, a
            variant's included.
    """
    found: dict[str, Check[...]] = {}
    taken: set[str] = set()
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, Check) and value.measure.__module__ == module.__name__:
                _require_home(value, module)
                for name in (value.name, *value.variants):
                    if name in taken:
                        raise TypeError(f"two checks are named {name!r}; give one of them another name")
                    taken.add(name)
                found[value.name] = value
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: _place(item[1]))))


def check_of(verdict_name: str) -> Check[...] | None:
    """The check behind a verdict's name, such as "recall_beats_baseline[K=20]" or a variant's; None of a foreign one."""
    plain = verdict_name.partition("[")[0]
    if plain in all_checks():
        return all_checks()[plain]
    return next((check for check in all_checks().values() if plain in check.variants), None)


def _modules() -> Iterator[ModuleType]:
    for entry in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}."):
        yield importlib.import_module(entry.name)


def _require_home(check: Check[Any], module: ModuleType) -> None:
    folder, name = module.__name__.split(".")[-2:]
    if name != check.name or folder != check.stage.folder:
        raise TypeError(
            f"check {check.name!r} of stage {check.stage.folder!r} is in {folder}/{name}.py; it belongs into "
            f"{check.stage.folder}/{check.name}.py"
        )


def _place(check: Check[Any]) -> tuple[int, bool, str]:
    return check.stage, not check.early, check.name
