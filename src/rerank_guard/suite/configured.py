"""From a configuration to the settings of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rerank_guard.checks.registry import all_checks
from rerank_guard.core.config.configuration import Configuration
from rerank_guard.stored import StoredRun, read_stored_run
from rerank_guard.suite.planned import Planned
from rerank_guard.suite.selection import settings_for
from rerank_guard.suite.settings import RunSettings

__all__ = ["configured_settings", "reference_of", "run_settings_of"]

_NAMED = ("target", "reference", "report")
"""Options that say no more to the suite than the report shows of them."""


def run_settings_of(
    configuration: Configuration, *, device: str | None = None, reference: StoredRun | None = None
) -> RunSettings:
    """The settings of a run as they are configured.

    Args:
        configuration: of files and command line.
        device: goes into the report where the reranker does not describe itself.
        reference: the run to compare with, see `reference_of`.

    Raises:
        ConfigError: a name that no check, stage or fault has, or a setting that its check does not take.
    """
    origins = {key: given.origin for key, given in configuration.options.items()}
    origins |= {f"expected.{name}": given.origin for name, given in configuration.expected.items()}
    origins |= {f"checks.{name}": origin for name, origin in configuration.check_origins.items()}
    origins |= {
        f"checks.{name}.{setting}": given.origin
        for name, settings in configuration.checks.items()
        for setting, given in settings.items()
    }
    return RunSettings(
        cutoffs=configuration.get("k"),
        alpha=configuration.get("alpha"),
        seed=configuration.get("seed", 0),
        device=device,
        early_stop=configuration.get("early_stop", False),
        continue_after_failure=configuration.get("continue", False),
        reference=reference,
        select=configuration.get("select", ()),
        ignore=configuration.get("ignore", ()),
        expected={name: given.value for name, given in configuration.expected.items()},
        preview=configuration.get("preview", False),
        checks={
            name: {setting: given.value for setting, given in settings.items()}
            for name, settings in configuration.checks.items()
        },
        origins=origins,
        named={key: str(given.value) for key, given in configuration.options.items() if key in _NAMED},
    )


def reference_of(configuration: Configuration) -> StoredRun | None:
    """The reference run that is configured; None without one.

    Raises:
        StoredRunError: the file is missing, or not as it was written.
    """
    path: Path | None = configuration.get("reference")
    return None if path is None else read_stored_run(path)


def configured_settings(settings: RunSettings) -> Mapping[str, Mapping[str, tuple[object, str]]]:
    """Check, or variant, to each setting that a run sets of it, with the value and where that was given.

    The level of the run is among them where a check has one; a variant has the settings of its check too.
    """
    return {
        planned.family: {
            setting: (value, _origin_of(planned, setting, settings))
            for setting, value in settings_for(planned, settings).items()
        }
        for planned in _all_families()
    }


def _all_families() -> Iterator[Planned]:
    for check in all_checks().values():
        for variant in (None, *check.variants):
            yield Planned(check, None, variant)


def _origin_of(planned: Planned, setting: str, settings: RunSettings) -> str:
    """Where a setting was given: of the variant, of the check, or as the level of the run."""
    for name in (planned.family, planned.check.name):
        if setting in settings.checks.get(name, {}):
            return settings.origin(f"checks.{name}.{setting}")
    return settings.origin(setting)
