"""What the command line and the configuration ask for, and the one `SuiteRun` of a pytest run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rerank_guard.core.config.options import given_options
from rerank_guard.core.defaults import REPORT_FOLDER
from rerank_guard.core.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from rerank_guard.core.config.configuration import Configuration
    from rerank_guard.stored import StoredRun
    from rerank_guard.suite import RunSettings, SuiteRun

__all__ = [
    "HOW_TO_NAME",
    "PREFIX",
    "Settings",
    "configuration_of",
    "current_run",
    "is_worker",
    "reference_path_of",
    "report_dir_of",
    "run_device",
    "run_settings",
    "seed_of",
    "settings_of",
    "suite_run",
    "target_of",
]


HOW_TO_NAME = (
    'no reranker is named. Give --rerank-target PKG.MOD:FACTORY, or target = "pkg.mod:factory" in [tool.rerank_guard] of '
    "pyproject.toml (or in rerank_guard.toml), or a session-scoped fixture rerank_target in the conftest.py of the rootdir; "
    "--rerank-target demo judges the packaged one"
)

PREFIX = "rerank-"
"""Of the plugin's options on the command line."""


class Settings(NamedTuple):
    """What was asked for on the command line alone; not a dataclass, whose methods are compiled anew in every idle run.

    Attributes:
        suite: the packaged suite was asked for.
        gpu: CUDA is required.
        device: to run on; None leaves the choice to what there is.
        benchmark: the throughput tests were asked for.
        update_reference: store this run in the file of the reference run, instead of being compared with it.
    """

    suite: bool
    gpu: bool
    device: str | None
    benchmark: bool
    update_reference: bool


_CONFIGURATION = pytest.StashKey["Configuration"]()
_RUN_SETTINGS = pytest.StashKey["RunSettings"]()
_SETTINGS = pytest.StashKey[Settings]()
_RUN = pytest.StashKey["SuiteRun"]()


def settings_of(config: pytest.Config) -> Settings:
    """What was asked for on the command line, read once. Reads no file."""
    if _SETTINGS not in config.stash:
        option = config.option
        config.stash[_SETTINGS] = Settings(
            suite=bool(option.rerank or option.rerank_gpu or option.rerank_target is not None),
            gpu=option.rerank_gpu,
            device=option.rerank_device,
            benchmark=option.rerank_benchmark,
            update_reference=option.rerank_update_reference,
        )
    return config.stash[_SETTINGS]


def configuration_of(config: pytest.Config) -> Configuration:
    """The configuration of the files and the command line, read once, when something first needs it.

    Raises:
        pytest.UsageError: a file cannot be read, or has an unknown key or a value of another type.
    """
    if _CONFIGURATION not in config.stash:
        from rerank_guard.core.config.configuration import read_configuration  # not in an idle run

        given = given_options(config.option, PREFIX)
        try:
            found = read_configuration(given, PREFIX, config.invocation_params.dir)
        except ConfigError as error:
            raise pytest.UsageError(f"rerank-guard: {error}") from error
        config.stash[_CONFIGURATION] = found
    return config.stash[_CONFIGURATION]


def target_of(config: pytest.Config) -> str | None:
    """The reranker's spec, "package.module:factory" or "demo"; None where none is named."""
    spec: str | None = configuration_of(config).get("target")
    return spec


def seed_of(config: pytest.Config) -> int:
    """The seed given to the factory."""
    return int(configuration_of(config).get("seed", 0))


def report_dir_of(config: pytest.Config) -> Path:
    """Where report.json and summary.md go."""
    return Path(configuration_of(config).get("report", config.invocation_params.dir / REPORT_FOLDER))


def reference_path_of(config: pytest.Config) -> Path | None:
    """The file of the reference run; None without one."""
    path: Path | None = configuration_of(config).get("reference")
    return path


def is_worker(config: pytest.Config) -> bool:
    """True in a pytest-xdist worker, which has no terminal and writes no report."""
    return hasattr(config, "workerinput")


def run_device(config: pytest.Config) -> str:
    """The device targets are asked to run on: what was asked for, else "cuda" where torch can use it, else "cpu"."""
    settings = settings_of(config)
    if settings.gpu:
        return "cuda"
    if settings.device is not None:
        return settings.device
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

        _make_importable(config)
        spec = target_of(config)
        if spec is None:
            raise TargetError(HOW_TO_NAME)
        reranker = load_target(spec, seed=seed_of(config), device=run_device(config))
        config.stash[_RUN] = SuiteRun(reranker, run_settings(config), progress=terminal_progress(config))
    return config.stash[_RUN]


def run_settings(config: pytest.Config) -> RunSettings:
    """The configuration as the suite takes it, made once.

    Raises:
        StoredRunError: the file of the reference run is missing, or not as it was written.
        ConfigError: a name that no check, stage or fault has, or a setting that its check does not take.
    """
    from rerank_guard.suite.configured import run_settings_of

    if _RUN_SETTINGS not in config.stash:
        config.stash[_RUN_SETTINGS] = run_settings_of(
            configuration_of(config), device=run_device(config), reference=_reference_run(config)
        )
    return config.stash[_RUN_SETTINGS]


def current_run(config: pytest.Config) -> SuiteRun | None:
    """The run if its reranker has been loaded, without loading it."""
    return config.stash.get(_RUN, None)


def _make_importable(config: pytest.Config) -> None:
    """Put the current directory and the rootdir on the path, as `python -m` would the current one."""
    for folder in (config.rootpath, config.invocation_params.dir):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def _reference_run(config: pytest.Config) -> StoredRun | None:
    """The run to compare with; None without the suite, which alone does, and where this run is stored instead.

    Raises:
        StoredRunError: the file is missing, or not as it was written.
    """
    settings = settings_of(config)
    if settings.update_reference or not settings.suite:
        return None
    from rerank_guard.suite.configured import reference_of

    return reference_of(configuration_of(config))
