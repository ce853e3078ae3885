"""What the command line and the ini file ask for, and the one `SuiteRun` of a pytest run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rerank_guard.core.default_target import DEFAULT_TARGET

if TYPE_CHECKING:
    from rerank_guard.stored import StoredRun
    from rerank_guard.suite import RunSettings, SuiteRun

__all__ = [
    "Settings",
    "current_run",
    "is_worker",
    "parse_cutoffs",
    "run_device",
    "run_settings",
    "settings_of",
    "suite_run",
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
        early_stop: the training job ends once its checks have passed.
        continue_after_failure: train even where a check before the job has failed.
        reference: the file of the reference run; None without one.
        update_reference: store this run there, instead of being compared with it.
    """

    suite: bool
    gpu: bool
    target: str
    seed: int
    cutoffs: tuple[int, ...] | None
    report_dir: Path
    benchmark: bool
    early_stop: bool
    continue_after_failure: bool
    reference: Path | None
    update_reference: bool


_SETTINGS = pytest.StashKey[Settings]()
_RUN = pytest.StashKey["SuiteRun"]()


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
            continue_after_failure=option.rerank_continue,
            reference=_reference_path(config),
            update_reference=option.rerank_update_reference,
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


def suite_run(config: pytest.Config) -> SuiteRun:
    """The one run of the packaged suite; the first call loads the reranker.

    Raises:
        TargetError: the reranker cannot be loaded, or is not a `RerankTarget`.
    """
    if _RUN not in config.stash:
        from rerank_guard.pytest_plugin.terminal_progress import terminal_progress
        from rerank_guard.suite import SuiteRun, load_target

        settings = settings_of(config)
        _make_importable(config)
        reranker = load_target(settings.target, seed=settings.seed, device=run_device(config))
        config.stash[_RUN] = SuiteRun(reranker, run_settings(config), progress=terminal_progress(config))
    return config.stash[_RUN]


def run_settings(config: pytest.Config) -> RunSettings:
    """The options as the suite takes them.

    Raises:
        StoredRunError: the file of the reference run is missing, or not as it was written.
    """
    from rerank_guard.suite import RunSettings

    settings = settings_of(config)
    return RunSettings(
        cutoffs=settings.cutoffs,
        seed=settings.seed,
        device=run_device(config),
        early_stop=settings.early_stop,
        continue_after_failure=settings.continue_after_failure,
        reference=_reference_run(settings),
    )


def current_run(config: pytest.Config) -> SuiteRun | None:
    """The run if its reranker has been loaded, without loading it."""
    return config.stash.get(_RUN, None)


def _make_importable(config: pytest.Config) -> None:
    """Put the current directory and the rootdir on the path, as `python -m` would the current one."""
    for folder in (config.rootpath, config.invocation_params.dir):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def _reference_path(config: pytest.Config) -> Path | None:
    """The command line's FILE from where pytest was called; the ini key's from beside the ini file."""
    if config.option.rerank_reference is not None:
        return config.invocation_params.dir / str(config.option.rerank_reference)
    named: str = config.getini("rerank_reference")
    return (config.inipath.parent if config.inipath else config.rootpath) / named if named else None


def _reference_run(settings: Settings) -> StoredRun | None:
    """The run to compare with; None without the suite, which alone does.

    Raises:
        StoredRunError: the file is missing, or not as it was written.
    """
    if settings.reference is None or settings.update_reference or not settings.suite:
        return None
    from rerank_guard.stored import read_stored_run

    return read_stored_run(settings.reference)


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
