"""Naive figures of an earlier run, reused where nothing that they depend on has changed.

To the naive checks a broken job that our checks did not start has to be trained, which is half of the benchmark's time.
These figures do not depend on our checks: only on the injector, the reranker, the naive checks, the seed and the versions.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from rerank_guard.faults import Injector
from rerank_model.targets.embedded import embedded_base

__all__ = ["Kept", "fingerprint", "kept_in", "sources"]

OWN = ("rerank_guard", "rerank_model", "benchmarks")
ALWAYS = frozenset({"benchmarks.faults.naive", "rerank_model.targets.embedded"})
"""Modules that every naive figure depends on."""

PACKAGES = ("numpy", "torch", "transformers", "tokenizers", "peft", "accelerate")

Kept = Mapping[str, tuple[str, list[str]]]
"""Fingerprint and naive failures, by the injector's id."""


def kept_in(result: Mapping[str, Any]) -> Kept:
    """The naive figures that a faults.json holds with their fingerprints."""
    section = result["sections"].get("catches", {"figures": {"faults": []}})
    return {
        row["id"]: (row["naive_fingerprint"], row["naive"])
        for row in section["figures"]["faults"]
        if row.get("naive_fingerprint") is not None
    }


def fingerprint(injector: Injector, seed: int) -> str:
    """SHA-256 of all that the naive figures of this injector depend on.

    That is: its id, severity and seed; the sources of the modules that it is in, of `ALWAYS`, and of every module of this
    repository that these import, directly or not; the files of the base model; Python and `PACKAGES`.
    """
    own = [
        injector.id,
        injector.severity,
        seed,
        _digest_of(frozenset(_homes(injector)) | ALWAYS),
        _base_model(),
        _versions(),
    ]
    return hashlib.sha256(json.dumps(own).encode()).hexdigest()


def sources(*modules: str) -> dict[str, Path]:
    """The named modules and every module of this repository that they import, directly or not, with their files."""
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = None if name in found else _file(name)
        if path is not None:
            found[name] = path
            waiting += _imported(path)
    return found


def _homes(injector: Injector) -> list[str]:
    """The modules that hold an injector."""
    return sorted(
        name
        for name, module in sys.modules.items()
        if name.startswith("rerank_guard.faults.") and any(value is injector for value in vars(module).values())
    )


@lru_cache
def _digest_of(modules: frozenset[str]) -> str:
    """Of the sources of these modules and of all that they import."""
    digest = hashlib.sha256()
    for name, path in sorted(sources(*modules).items()):
        digest.update(f"{name} {_digest(path)}\n".encode())
    return digest.hexdigest()


@lru_cache
def _base_model() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in embedded_base().rglob("*") if path.is_file()):
        digest.update(f"{path.name} {_digest(path)}\n".encode())
    return digest.hexdigest()


@lru_cache
def _imported(path: Path) -> tuple[str, ...]:
    """The modules of this repository that a file names in an import, wherever in it."""
    return tuple(
        name
        for node in ast.walk(ast.parse(path.read_bytes()))
        for name in _named(node)
        if name.partition(".")[0] in OWN
    )


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)  # a name may be a module


@lru_cache
def _file(name: str) -> Path | None:
    """A module's file; None where the name is no module but something in one."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # its parent is a module and no package
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


@lru_cache
def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}
