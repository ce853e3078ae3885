"""How these tests run pytest inside pytest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

# Pytester drops what is first imported inside a run; imported here, the suite keeps one set of modules.
import rerank_guard.pytest_plugin.collection
import rerank_guard.pytest_plugin.recorder  # noqa: F401

__all__ = ["QUIET", "Run"]

# Plugins of the development environment that cost start-up time and have no part in these tests.
QUIET = ("-p", "no:torch", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:cacheprovider")

Run = Callable[..., pytest.RunResult]
