"""What the command line and the ini file ask for, and the one `SuiteSession` of a pytest run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rerank_guard.default_target import DEFAULT_TARGET

if TYPE_CHECKING:
    from rerank_guard.stored import StoredRun
    from rerank_guard.suite import SuiteSession

__all__ = [
    "Settings",
    "current_session",
    "is_worker",
    "parse_cutoffs",
    "run_device",
    "settings_of",
    "suite_session",
]


class Settings(NamedTuple):
    """The options of one run; not a dataclass, whose methods are compiled anew in every idle pytest run.

    Attributes:
        suite: the packaged suite was asked for.
        gpu: CUDA is required.
        target: "package.module:factory".
        seed: given to the factory.
        cutoffs: the K of Recall@K; None leaves the choice to the target.
        report_dir: where report.json and summary.md go.
        benchmark: the throughput tests were asked for.
        early_stop: the training job ends once its gates have passed.
        keep_going: train even where an exact gate has failed before.
        baseline: the file of the stored run; None without one.
        update_baseline: store this run there, instead of being held against it.
    """

    suite: bool
    gpu: bool
    target: str
    seed: int
    cutoffs: tuple[int, ...] | None
    report_dir: Path
    benchmark: bool
    early_stop: bool
    keep_going: bool
    baseline: Path | None
    update_baseline: bool


_SETTINGS = pytest.StashKey[Settings]()
_SESSION = pytest.StashKey["SuiteSession"]()


def settings_of(config: pytest.Config) -> Settings:
    """The run's settings, read once.

    Raises:
        pytest.UsageError: the ini key `rerank_k` is malformed.
    """
    if _SETTINGS not in config.stash:
        option = config.option
        named: str | None = option.rerank_target
        config.stash[_SETTINGS] = Settings(
            suite=bool(option.rerank or option.rerank_gpu or named is not None),
            gpu=option.rerank_gpu,
            target=named or config.getini("rerank_target") or DEFAULT_TARGET,
            seed=option.rerank_seed,
            cutoffs=option.rerank_k if option.rerank_k is not None else _ini_cutoffs(config),
            report_dir=config.invocation_params.dir / option.rerank_report,
            benchmark=option.rerank_benchmark,
            early_stop=option.rerank_early_stop,
            keep_going=option.rerank_keep_going,
            baseline=_baseline_path(config),
            update_baseline=option.rerank_update_baseline,
        )
    return config.stash[_SETTINGS]


def is_worker(config: pytest.Config) -> bool:
    """True in a pytest-xdist worker, which has no terminal and writes no report."""
    return hasattr(config, "workerinput")


def run_device(config: pytest.Config) -> str:
    """The device targets are asked to run on: "cuda" where torch can use it, else "cpu"."""
    if settings_of(config).gpu:
        return "cuda"
    from rerank_guard.adapters.torch_device import find_device

    return find_device()


def suite_session(config: pytest.Config) -> SuiteSession:
    """The run's one session; the first call loads the target.

    Raises:
        TargetError: the target cannot be loaded, or is not a `RerankTarget`.
    """
    if _SESSION not in config.stash:
        from rerank_guard.gates.terminal_progress import terminal_progress
        from rerank_guard.suite import SuiteSession, load_target

        settings = settings_of(config)
        _make_importable(config)
        device = run_device(config)
        config.stash[_SESSION] = SuiteSession(
            load_target(settings.target, seed=settings.seed, device=device),
            cutoffs=settings.cutoffs,
            seed=settings.seed,
            device=device,
            progress=terminal_progress(config),
            early_stop=settings.early_stop,
            keep_going=settings.keep_going,
            stored=_stored_run(settings),
        )
    return config.stash[_SESSION]


def current_session(config: pytest.Config) -> SuiteSession | None:
    """The run's session if its target has been loaded, without loading it."""
    return config.stash.get(_SESSION, None)


def _make_importable(config: pytest.Config) -> None:
    """Put the current directory and the rootdir on the path, as `python -m` would the current one."""
    for folder in (config.rootpath, config.invocation_params.dir):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def _baseline_path(config: pytest.Config) -> Path | None:
    """The command line's FILE from where pytest was called; the ini key's from beside the ini file."""
    if config.option.rerank_baseline is not None:
        return config.invocation_params.dir / str(config.option.rerank_baseline)
    named: str = config.getini("rerank_baseline")
    return (config.inipath.parent if config.inipath else config.rootpath) / named if named else None


def _stored_run(settings: Settings) -> StoredRun | None:
    """The run to be held against; None without the suite, which alone compares with it.

    Raises:
        StoredRunError: the file is missing, or not as it was written.
    """
    if settings.baseline is None or settings.update_baseline or not settings.suite:
        return None
    from rerank_guard.stored import read_stored_run

    return read_stored_run(settings.baseline)


def _ini_cutoffs(config: pytest.Config) -> tuple[int, ...] | None:
    text: str = config.getini("rerank_k")
    try:
        return parse_cutoffs(text) if text else None
    except ValueError as error:
        raise pytest.UsageError(f"ini key rerank_k: {error}") from error


def parse_cutoffs(text: str) -> tuple[int, ...]:
    """The cutoffs in "5,20".

    Raises:
        ValueError: something between the commas is not a whole number above 0.
    """
    try:
        cutoffs = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not a list of whole numbers such as 5,20") from None
    if min(cutoffs) < 1:
        raise ValueError(f"{text!r} holds a K below 1; Recall@K needs K >= 1")
    return cutoffs
