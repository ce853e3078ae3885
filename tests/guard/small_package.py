"""A package of a few modules, written for one test, in place of one that is walked for records."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

__all__ = ["small_package"]

_NUMBER = itertools.count()


def small_package(folder: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str]) -> ModuleType:
    """The package, importable for as long as the test runs.

    Args:
        folder: where it is written.
        monkeypatch: of the test.
        files: path inside the package to text; folders become packages.
    """
    root = folder / f"small_package_{next(_NUMBER)}"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for inner in (root, *(path for path in root.rglob("*") if path.is_dir())):
        (inner / "__init__.py").touch()
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module(root.name)
