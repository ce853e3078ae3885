"""A run of the suite has to say whose it is: a verdict on another reranker would be read as one on the user's."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from rerank_guard.pytest_plugin import fixtures
from rerank_guard.pytest_plugin.settings import HOW_TO_NAME, target_of

__all__ = ["require_named"]

_FIXTURE = "rerank_target"


def require_named(session: pytest.Session) -> None:
    """Refuse a run of the suite without a named reranker.

    An overridden fixture `rerank_target` names none for the suite, whose items are made before any fixture is: the message
    says how to judge what the fixture gives.

    Raises:
        pytest.UsageError: no reranker is named.
    """
    if target_of(session.config) is not None:
        return
    overriding = list(_overriding_modules(session))
    if overriding:
        raise pytest.UsageError(
            f"rerank-guard: {', '.join(overriding)} overrides the fixture {_FIXTURE}, which the packaged suite cannot use: its "
            "items are made before fixtures are. Name the same factory by --rerank-target or `target`, or judge each value of "
            "the fixture in a test: `def test_reranker(rerank_target): assert_report_ok(check_reranker(rerank_target))`."
        )
    raise pytest.UsageError(f"rerank-guard: {HOW_TO_NAME}.")


def _overriding_modules(session: pytest.Session) -> Iterator[str]:
    """The conftest files and plugins, other than this one, that define the fixture."""
    for plugin in session.config.pluginmanager.get_plugins():
        module = vars(plugin) if isinstance(plugin, ModuleType) else {}
        if module.get(_FIXTURE, fixtures.rerank_target) is not fixtures.rerank_target:
            yield str(module.get("__file__") or module["__name__"])
