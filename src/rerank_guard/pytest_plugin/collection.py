"""The node `rerank`: the packaged suite among the collected items, without a test file of the user's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from rerank_guard.core.errors import RerankGuardError, TargetError
from rerank_guard.core.own_frames import without_own_frames
from rerank_guard.pytest_plugin.functions import ASSIGNED, Assigned, check_function, expected_mark, score_throughput
from rerank_guard.pytest_plugin.settings import is_worker, suite_run
from rerank_guard.suite import Planned
from rerank_guard.suite.selection import expected_reason

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

__all__ = ["NODE", "RerankSuite", "collect_suite"]

NODE = "rerank"
"""Node id of the suite; its items are `rerank::<check>`."""


class RerankSuite(pytest.Module):
    """A module node whose functions are made from the checks, whatever `python_functions` says."""

    def _getobj(self) -> ModuleType:
        # Of this node's own: the functions are made for one target, and pytest looks them up here by name.
        return ModuleType(NODE, "The packaged suite of rerank-guard.")

    def istestfunction(self, obj: object, name: str) -> bool:  # noqa: ARG002
        """True: `collect` offers nothing but tests, under names that need not begin with "test"."""
        return True

    def collect(self) -> Iterator[pytest.Item]:
        """One item a check in the order of the run, then the throughput test."""
        planned = suite_run(self.config).planned()
        for family, members in groupby(planned, key=lambda each: each.family):
            yield from self._check_items(family, tuple(members), planned)
        yield from self._items("score_throughput", score_throughput)

    def _check_items(
        self, family: str, members: Sequence[Planned], planned: Sequence[Planned]
    ) -> Iterator[pytest.Item]:
        function = check_function(members, suite_run(self.config))
        for item, each in zip(self._items(family, function), members, strict=True):
            item.stash[ASSIGNED] = Assigned(each, planned.index(each))
            if reason := expected_reason(each, suite_run(self.config).settings):
                item.add_marker(expected_mark(reason))
            yield item

    def _items(self, name: str, function: object) -> list[pytest.Item]:
        setattr(self.obj, name, function)
        # The same hook as for functions in a user's file, so that parametrize, marks and other plugins work.
        made = self.ihook.pytest_pycollect_makeitem(collector=self, name=name, obj=function)
        items = [node for node in made if isinstance(node, pytest.Item)]
        for item in items:
            # Without this, -v would show the path of the installed package behind each id.
            item.location = (NODE, None, item.name)
        return items


class RerankerRaised(pytest.Item):
    """Stands for the suite where the reranker's own code raised before there was anything to judge."""

    def __init__(
        self, *, excinfo: pytest.ExceptionInfo[BaseException], suite_failure: str | TerminalRepr, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._raised = excinfo.value
        self._shown = suite_failure

    def setup(self) -> None:
        """Raise again, so that the item is an error and no failure."""
        raise self._raised

    def runtest(self) -> None:
        """Not reached."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str | TerminalRepr:  # type: ignore[override]
        """The reranker's own frames, as they were shown of the collection."""
        del excinfo
        return self._shown

    def reportinfo(self) -> tuple[str, None, str]:
        """Without the path of the installed package."""
        return NODE, None, f"{NODE}::{self.name}"


def collect_suite(session: pytest.Session, selected: Sequence[str] = ()) -> list[pytest.Item]:
    """Collect the packaged suite, and report the collection as pytest does for a file.

    Not through `session.genitems(suite)`: with --lf pytest empties every collector whose file had no failure, and
    the suite has no file.

    Args:
        session: the running session.
        selected: node ids such as "rerank::gt_in_candidates"; empty for all.

    Returns:
        The items; one that ends in an error where the target's own code raised.

    Raises:
        pytest.UsageError: the target cannot be loaded, has no usable tasks, or a cutoff is vacuous; or a selected
            id names no item.
    """
    suite = RerankSuite.from_parent(session, path=Path(__file__), name=NODE, nodeid=NODE)
    try:
        items = list(suite.collect())
        if selected:
            items = _select(items, selected)
    except RerankGuardError as error:
        if not is_worker(session.config):
            raise pytest.UsageError(f"rerank-guard: {error}") from error
        # An exception ends a pytest-xdist worker without a word; a failed collection reaches the terminal.
        _report_failure(suite, f"rerank-guard: {error}")
        return []
    except Exception as error:
        # An error item rather than a failed collection, which would end the run of the other tests too.
        excinfo: pytest.ExceptionInfo[BaseException] = pytest.ExceptionInfo.from_exception(
            without_own_frames(error)
        )
        shown = suite.repr_failure(excinfo)
        return [RerankerRaised.from_parent(suite, name="reranker", excinfo=excinfo, suite_failure=shown)]
    suite.ihook.pytest_collectreport(report=pytest.CollectReport(suite.nodeid, "passed", None, list(items)))
    return [item for node in items for item in session.genitems(node)]


def _report_failure(suite: RerankSuite, longrepr: str | TerminalRepr) -> None:
    suite.ihook.pytest_collectreport(report=pytest.CollectReport(suite.nodeid, "failed", longrepr, []))


def _select(items: Sequence[pytest.Item], selected: Sequence[str]) -> list[pytest.Item]:
    for wanted in selected:
        if not any(_matches(item, wanted) for item in items):
            known = ", ".join(item.nodeid for item in items)
            raise TargetError(f"not found: {wanted}; the suite's items are {known}")
    return [item for item in items if any(_matches(item, wanted) for wanted in selected)]


def _matches(item: pytest.Item, wanted: str) -> bool:
    return wanted in (NODE, item.nodeid, item.nodeid.partition("[")[0])
