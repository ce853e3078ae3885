"""All examples, found by walking `faults.examples`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from rerank_guard.faults import examples
from rerank_guard.faults.example import Example

__all__ = ["all_examples"]


@lru_cache(maxsize=1)
def all_examples() -> tuple[Example, ...]:
    """Every example, by module.

    Raises:
        ValueError: two examples show the same fault by the same check.
    """
    found: dict[tuple[str, str], Example] = {}
    for module in pkgutil.iter_modules(examples.__path__, f"{examples.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Example):
                key = (value.check, value.fault.name)
                if found.setdefault(key, value) is not value:
                    raise ValueError(
                        f"two examples show {value.fault.name!r} by {value.check!r}; remove one of them"
                    )
    return tuple(found.values())
