"""Which verdicts the names and settings of a run mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from rerank_guard.suite.planned import Planned
from rerank_guard.suite.settings import RunSettings

__all__ = ["chosen", "expected_reason", "is_selected", "names_itself", "settings_for", "unmatched"]


def is_selected(planned: Planned, names: Iterable[str]) -> bool:
    """Whether one of the names means this verdict: its own, its check's, its stage's, or a fault's that it can name."""
    own = {planned.name, planned.family, planned.check.stage.folder, *(f.name for f in planned.check.can_name)}
    return not own.isdisjoint(names)


def chosen(all_planned: Sequence[Planned], select: Sequence[str], given: Collection[str]) -> tuple[Planned, ...]:
    """Those that a run judges.

    What needs something that the run does not bring, such as a reference run, is left out, unless it was selected by its own
    name: then its verdict is missed (`SuiteRun.prepare`).

    Args:
        all_planned: all that could be judged.
        select: names; all are meant where there are none.
        given: the inputs that the run brings.
    """
    return tuple(
        each
        for each in all_planned
        if (not select or is_selected(each, select))
        and (not each.missing_from_run(given) or names_itself(each, select))
    )


def names_itself(planned: Planned, names: Iterable[str]) -> bool:
    """Whether the verdict is meant by its own name, with or without its cutoff."""
    return not {planned.name, planned.family}.isdisjoint(names)


def unmatched(names: Iterable[str], planned: Sequence[Planned]) -> list[str]:
    """The names with a cutoff, such as "recall_beats_baseline[K=7]", that no verdict of a run has."""
    present = {each.name for each in planned}
    return [name for name in names if "[" in name and name not in present]


def settings_for(planned: Planned, settings: RunSettings) -> Mapping[str, Any]:
    """What is set of a check: the run's alpha where the check has a level, its own settings, those of the variant."""
    given: dict[str, object] = {}
    if settings.alpha is not None and "alpha" in planned.check.settings:
        given["alpha"] = settings.alpha
    given |= settings.checks.get(planned.check.name, {})
    given |= settings.checks.get(planned.family, {})
    return planned.check.validated(given)


def expected_reason(planned: Planned, settings: RunSettings) -> str:
    """Why a check may fail; empty where it may not."""
    return settings.expected.get(planned.name) or settings.expected.get(planned.family) or ""
