"""The node `rerank`: the packaged suite among the collected items, without a test file of the user's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from rerank_guard.core.errors import ConfigError, NothingToJudgeError, RerankGuardError, TargetError
from rerank_guard.core.own_frames import without_own_frames
from rerank_guard.pytest_plugin.functions import (
    ASSIGNED,
    Assigned,
    check_function,
    expected_mark,
    fixture_check_function,
    fixture_score_throughput,
    score_throughput,
)
from rerank_guard.pytest_plugin.override import Override, find_override
from rerank_guard.pytest_plugin.runs import FROM_FIXTURE
from rerank_guard.pytest_plugin.settings import (
    HOW_TO_NAME,
    is_worker,
    run_settings,
    settings_of,
    suite_run,
    target_of,
)
from rerank_guard.pytest_plugin.suite_items import NODE, THROUGHPUT
from rerank_guard.suite import Planned
from rerank_guard.suite.planned import plan_checks
from rerank_guard.suite.selection import chosen, expected_reason

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

__all__ = ["NODE", "RerankSuite", "collect_suite"]


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
            yield from self._check_items(family, tuple(members))
        yield from self._items(THROUGHPUT, score_throughput)

    def _check_items(self, family: str, members: Sequence[Planned]) -> Iterator[pytest.Item]:
        function = check_function(members, suite_run(self.config))
        for item, each in zip(self._items(family, function), members, strict=True):
            item.stash[ASSIGNED] = Assigned(family, each.k)
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


class FixtureSuite(RerankSuite):
    """The suite for what the project's fixture `rerank_target` gives; once for each of its parameters.

    The reranker exists only when the fixture is set up, and with it the cutoffs: an item is a check at all of them.
    """

    def collect(self) -> Iterator[pytest.Item]:
        """One item a check and a reranker, in the order of the run."""
        for family, first in _families(self.config).items():
            for item in self._items(family, fixture_check_function(first)):
                item.stash[ASSIGNED] = Assigned(family)
                yield item
        yield from self._items(THROUGHPUT, fixture_score_throughput)


def _families(config: pytest.Config) -> dict[str, Planned]:
    """The checks that a run of these settings judges, whatever its cutoffs, in its order."""
    settings = run_settings(config)
    given: set[str] = set()
    if settings.reference is not None:
        given.add("reference_run")
        if settings.reference.throughput is not None:
            given.add("reference_throughput")
    names = [name.partition("[")[0] for name in settings.select]
    found: dict[str, Planned] = {}
    for each in chosen(plan_checks((1,)), names, given):
        found.setdefault(each.family, each)
    if not found:
        raise ConfigError(f"select = {', '.join(settings.select)} leaves no check of this run to judge.")
    return found


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
        if override := _judged_override(session):
            session.config.stash[FROM_FIXTURE] = True
            suite = FixtureSuite.from_parent(override.parent, path=Path(__file__), name=NODE, nodeid=NODE)
        items = list(suite.collect())
        if selected:
            items = _select(items, selected)
    except NothingToJudgeError as error:
        return [_raised_item(suite, error)]
    except RerankGuardError as error:
        if not is_worker(session.config):
            raise pytest.UsageError(f"rerank-guard: {error}") from error
        # An exception ends a pytest-xdist worker without a word; a failed collection reaches the terminal.
        _report_failure(suite, f"rerank-guard: {error}")
        return []
    except Exception as error:
        # An error item rather than a failed collection, which would end the run of the other tests too.
        return [_raised_item(suite, error)]
    suite.ihook.pytest_collectreport(report=pytest.CollectReport(suite.nodeid, "passed", None, list(items)))
    return [item for node in items for item in session.genitems(node)]


def _raised_item(suite: RerankSuite, error: Exception) -> pytest.Item:
    excinfo: pytest.ExceptionInfo[BaseException] = pytest.ExceptionInfo.from_exception(without_own_frames(error))
    shown = suite.repr_failure(excinfo)
    item: pytest.Item = RerankerRaised.from_parent(suite, name="reranker", excinfo=excinfo, suite_failure=shown)
    return item


def _judged_override(session: pytest.Session) -> Override | None:
    """The project's fixture where the suite judges what it gives; None where an option or the configuration names one.

    The command line wins over the fixture, which wins over the configuration. A fixture that asks for the one it overrides
    wraps what is named, and is always judged.

    Raises:
        ConfigError: no reranker is named at all; or see `find_override`.
    """
    config = session.config
    if config.option.rerank_target is not None:
        try:
            override = find_override(session)
        except ConfigError:  # what is named on the command line needs no fixture
            return None
        return override if override is not None and override.wraps else None
    override = find_override(session)
    if override is None and target_of(config) is None:
        raise ConfigError(f"{HOW_TO_NAME}.")
    if override is not None and settings_of(config).update_reference:
        raise ConfigError(
            "--rerank-update-reference stores the run of a reranker that is named by --rerank-target or the configuration, "
            "not of one that a fixture gives."
        )
    return override


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
