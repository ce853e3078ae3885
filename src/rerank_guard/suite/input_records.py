"""The records of all inputs, found by walking `suite.inputs`, and what follows from them."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from rerank_guard.core.check import CUTOFF
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.given import Cost, Input
from rerank_guard.suite import inputs

__all__ = [
    "ASKING",
    "RUN_GIVEN",
    "all_inputs",
    "capabilities_used",
    "cost_of",
    "depends_on_cutoff",
    "input_named",
    "missing_capabilities",
    "needed_from_run",
]

ASKING = "asking"
"""The name under which an input gets the reranker with the settings of the run."""

RUN_GIVEN = frozenset({"reference_run", "reference_throughput"})
"""Inputs that the run itself brings, or not; no reranker has a method for them."""

_NOT_MADE = frozenset({ASKING, CUTOFF}) | RUN_GIVEN


@lru_cache(maxsize=1)
def all_inputs() -> Mapping[str, Input]:
    """Every input by name.

    Raises:
        ValueError: two inputs have one name, or one has the name of a value that every run gives.
        UnknownNameError: an input is made from one that does not exist.
    """
    found: dict[str, Input] = {}
    for entry in pkgutil.iter_modules(inputs.__path__, f"{inputs.__name__}."):
        for value in vars(importlib.import_module(entry.name)).values():
            if isinstance(value, Input) and value.make.__module__ == entry.name:
                if value.name in found or value.name in _NOT_MADE:
                    raise ValueError(f"two inputs are named {value.name!r}; give one of them another name")
                found[value.name] = value
    for record in found.values():
        for name in record.inputs:
            if name not in found and name not in _NOT_MADE:
                raise UnknownNameError(_unknown(name, found, f"input {record.name!r} is made from it"))
    return MappingProxyType(found)


def input_named(name: str) -> Input:
    """The record of an input.

    Raises:
        UnknownNameError: there is none; the message shows the closest names.
    """
    if name not in all_inputs():
        raise UnknownNameError(_unknown(name, all_inputs(), "a check's positional parameters are inputs"))
    return all_inputs()[name]


@cache
def cost_of(name: str) -> Cost:
    """What has to run before an input is there, by its own record and those of all that it is made from."""
    if name in _NOT_MADE:
        return Cost.STATIC
    record = input_named(name)
    return max([record.cost, *(cost_of(inner) for inner in record.inputs)])


@cache
def depends_on_cutoff(name: str) -> bool:
    """Whether an input is another one at each cutoff."""
    if name in _NOT_MADE:
        return name == CUTOFF
    return any(depends_on_cutoff(inner) for inner in input_named(name).inputs)


def missing_capabilities(names: Iterable[str], reranker: object) -> tuple[type, ...]:
    """The capabilities behind these inputs that a reranker lacks, in the order in which they are needed."""
    needed = dict.fromkeys(need for name in names for need in _needs(name))
    return tuple(need for need in needed if not isinstance(reranker, need))


def capabilities_used(names: Iterable[str]) -> frozenset[type]:
    """The capabilities behind these inputs, those of optional inputs included: they are used where a reranker has them."""
    found: set[type] = set()
    for name in names:
        if name not in _NOT_MADE:
            record = input_named(name)
            found |= {record.needs} if record.needs is not None else set()
            found |= capabilities_used(record.inputs)
    return frozenset(found)


def needed_from_run(names: Iterable[str]) -> frozenset[str]:
    """Those inputs among `RUN_GIVEN` that these inputs need."""
    found = frozenset(names) & RUN_GIVEN
    for name in names:
        if name not in _NOT_MADE:
            found |= needed_from_run(_required(input_named(name)))
    return found


def _needs(name: str) -> Iterator[type]:
    if name in _NOT_MADE:
        return
    record = input_named(name)
    if record.needs is not None:
        yield record.needs
    for inner in _required(record):
        yield from _needs(inner)


def _required(record: Input) -> tuple[str, ...]:
    return tuple(name for name, parameter in record.inputs.items() if parameter.default is parameter.empty)


def _unknown(name: str, known: Iterable[str], hint: str) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.4)
    closest = f"; the closest are {', '.join(close)}" if close else ""
    return f"there is no input {name!r}{closest} ({hint})."
