"""The pytest plugin: options, marks, and the packaged suite. Costs nothing while unused.

Only pytest and the standard library are imported here; numpy and the checks come with the first use.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from rerank_guard.core.config.options import add_options
from rerank_guard.pytest_plugin.fixtures import (
    _rerank_check_inputs,
    _rerank_run,
    _rerank_trained,
    rerank_device,
    rerank_scores,
    rerank_target,
    rerank_tasks,
    rerank_training_run,
)
from rerank_guard.pytest_plugin.settings import (
    PREFIX,
    is_worker,
    reference_path_of,
    report_dir_of,
    run_device,
    run_settings,
    seed_of,
    settings_of,
    target_of,
)
from rerank_guard.pytest_plugin.suite_items import GROUPED, NODE

if TYPE_CHECKING:
    from _pytest.config.argparsing import OptionGroup
    from xdist.scheduler import Scheduling

__all__ = [
    "_rerank_check_inputs",
    "_rerank_run",
    "_rerank_trained",
    "rerank_device",
    "rerank_scores",
    "rerank_target",
    "rerank_tasks",
    "rerank_training_run",
]

_GROUP = "rerank-guard"
_ALIAS = "--benchmark"
_SELECTED = pytest.StashKey[Sequence[str]]()
_OWNS_ALIAS = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """All options but `--benchmark`, which waits until the project's own are known."""
    group = parser.getgroup(_GROUP, "rerank-guard: is this reranker silently broken?")
    group.addoption(
        "--rerank",
        action="store_true",
        help="Collect the packaged suite: train the reranker on whatever device there is, then judge it. "
        "Its name is --rerank-target, or `target` in the configuration, or it is what a fixture rerank_target of a conftest.py "
        "gives; `demo` is the packaged one.",
    )
    group.addoption(
        "--rerank-gpu",
        action="store_true",
        help="The same, on CUDA; an error at the start, not a skip, where CUDA cannot be used.",
    )
    add_options(group.addoption, PREFIX)
    group.addoption(
        "--rerank-device",
        metavar="DEVICE",
        default=None,
        help="Given to the reranker's factory, such as cpu or cuda. Default: cuda where torch can use it, else cpu.",
    )
    group.addoption(
        "--rerank-update-reference",
        action="store_true",
        help="Store this run in the --rerank-reference FILE in place of what is there, unless a check failed.",
    )
    group.addoption(
        "--rerank-benchmark",
        action="store_true",
        help="Run the throughput tests, through pytest-benchmark; without it they are skipped.",
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser, early_config: pytest.Config) -> Generator[None]:
    """Take `--benchmark` as a shorter --rerank-benchmark, if neither a plugin nor a conftest has taken it."""
    result = yield
    owns = not any(_ALIAS in option.names() for group in _groups(parser) for option in group.options)
    if owns:
        parser.getgroup(_GROUP).addoption(
            _ALIAS,
            dest="rerank_benchmark",
            action="store_true",
            default=False,
            help="The same as --rerank-benchmark; not there in projects that define a --benchmark of their own.",
        )
    early_config.stash[_OWNS_ALIAS] = owns
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks and, where there is a terminal, the recorder of verdicts."""
    config.addinivalue_line("markers", "rerank_gpu: needs a GPU; skipped unless --rerank-gpu is given.")
    config.addinivalue_line(
        "markers",
        "rerank_train: needs a training job; skipped unless --rerank, --rerank-gpu or --rerank-target is given.",
    )
    config.addinivalue_line(
        "markers", "rerank_benchmark: measures throughput; skipped unless --rerank-benchmark is given."
    )
    if config.stash.get(_OWNS_ALIAS, False):
        _release_alias(config)
    if settings_of(config).suite:
        from rerank_guard.pytest_plugin.recorder import Recorder

        config.pluginmanager.register(Recorder(config), "rerank-guard-recorder")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse at the start what cannot work: a missing GPU or pytest-benchmark, a report folder that is a file."""
    config = session.config
    settings = settings_of(config)
    if settings.gpu:
        _require_cuda()
    if settings.benchmark and not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError(
            "--rerank-benchmark needs pytest-benchmark, which is not installed or not loaded. "
            'Run: pip install "rerank-guard[benchmark]"'
        )
    if settings.suite and not is_worker(config):
        _require_configuration(config)
    if settings.suite and getattr(config.option, "dist", "no") == "each":
        raise pytest.UsageError(
            "--dist each would train and judge the reranker once in each worker; choose another --dist, such as load."
        )
    if settings.update_reference:
        _require_reference_can_be_written(config)
    if settings.suite and not is_worker(config) and not config.option.collectonly:
        _clear_reports(report_dir_of(config))


def _require_cuda() -> None:
    from rerank_guard.adapters.torch_device import cuda_problem

    problem = cuda_problem()
    if problem:
        raise pytest.UsageError(f"--rerank-gpu: CUDA cannot be used: {problem}. Use --rerank to run on the CPU.")


def _clear_reports(report_dir: Path) -> None:
    """Remove what an earlier run has left, so that it is never read as this run's."""
    try:
        report_dir.mkdir(parents=True, exist_ok=True)
        for folder in (report_dir, *report_dir.glob("rerankers/*")):
            for stale in ("report.json", "summary.md", "training.png"):
                (folder / stale).unlink(missing_ok=True)
    except OSError as error:
        raise pytest.UsageError(f"--rerank-report: cannot write to {report_dir}: {error}") from error


def pytest_report_header(config: pytest.Config) -> str | None:
    """Who is judged, where, and with which seed."""
    settings = settings_of(config)
    if not settings.suite:
        return None
    return f"rerank-guard: target {target_of(config) or 'of a fixture'}, device {run_device(config)}, seed {seed_of(config)}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Take `rerank` and `rerank::<check>` out of the paths to collect: they select items of the packaged suite."""
    config = session.config
    if not settings_of(config).suite or (config.invocation_params.dir / NODE).exists():
        return
    selected = [arg for arg in config.args if arg == NODE or arg.startswith(f"{NODE}::")]
    if selected:
        config.stash[_SELECTED] = selected
        config.args[:] = [arg for arg in config.args if arg not in selected]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Append the packaged suite, early enough for -k, -m and --lf; then skip marked tests without their flag."""
    settings = settings_of(config)
    if settings.suite:
        from rerank_guard.pytest_plugin.collection import collect_suite

        items.extend(collect_suite(session, config.stash.get(_SELECTED, ())))
    off = {
        mark: reason
        for mark, on, reason in (
            ("rerank_gpu", settings.gpu, "needs a GPU: give --rerank-gpu"),
            (
                "rerank_train",
                settings.suite,
                "needs a training job: give --rerank, --rerank-gpu or --rerank-target pkg.mod:factory",
            ),
            ("rerank_benchmark", settings.benchmark, "measures throughput: give --rerank-benchmark"),
        )
        if not on
    }
    for item in items:
        for mark, reason in off.items():
            if item.get_closest_marker(mark) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


def _require_configuration(config: pytest.Config) -> None:
    """Refuse unknown names and settings here: a pytest-xdist worker can only report a failed collection."""
    from rerank_guard.core.errors import RerankGuardError

    try:
        run_settings(config)
    except RerankGuardError as error:
        raise pytest.UsageError(f"rerank-guard: {error}") from error


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Keep the suite, and what shares its reranker, on one worker; the other tests spread as --dist says."""
    if not settings_of(config).suite:
        return None
    from rerank_guard.pytest_plugin.scheduling import SuiteOnOneWorker

    return SuiteOnOneWorker(config, log)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_collection_finish(session: pytest.Session) -> Generator[None]:
    """In a worker: mark the ids of what must stay together, for as long as pytest-xdist sends them."""
    if not (is_worker(session.config) and settings_of(session.config).suite):
        return (yield)
    items = session.items
    session.items = [cast("pytest.Item", _Marked(item)) if _shares_reranker(item) else item for item in items]
    try:
        return (yield)
    finally:
        session.items = items


class _Marked:
    """An item under an id that says "on one worker"."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self.nodeid = f"{item.nodeid}{GROUPED}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._item, name)


def _shares_reranker(item: pytest.Item) -> bool:
    return item.nodeid.startswith(f"{NODE}::") or "rerank_target" in getattr(item, "fixturenames", ())


def _require_reference_can_be_written(config: pytest.Config) -> None:
    settings = settings_of(config)
    reference = reference_path_of(config)
    if reference is None:
        raise pytest.UsageError(
            "--rerank-update-reference needs --rerank-reference FILE, which says where to store."
        )
    if not settings.suite:
        raise pytest.UsageError("--rerank-update-reference stores a run of the suite; give --rerank too.")
    if reference.is_dir():
        raise pytest.UsageError(f"--rerank-reference: {reference} is a folder; name a file in it.")
    if is_worker(config) or getattr(config.option, "dist", "no") != "no":  # xdist's -n sets it
        raise pytest.UsageError(
            "--rerank-update-reference cannot store what pytest-xdist's workers scored; run it without -n."
        )


def _groups(parser: pytest.Parser) -> Iterator[OptionGroup]:
    """All option groups; pytest before 9 keeps the anonymous one apart."""
    yield from parser._groups
    if parser._anonymous not in parser._groups:
        yield parser._anonymous


def _release_alias(config: pytest.Config) -> None:
    """Once the command line is parsed, let go of `--benchmark` in argparse.

    A conftest.py below the initial ones is loaded during collection, and its own `--benchmark` would be a conflict.
    """
    optparser = getattr(config._parser, "optparser", None)  # pytest before 9 makes a new one for each parse
    if isinstance(optparser, argparse.ArgumentParser):
        optparser._option_string_actions.pop(_ALIAS, None)
