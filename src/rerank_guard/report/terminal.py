"""The verdict table and the problems as lines for a terminal; the caller adds the colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rerank_guard.core.formats import format_value, status_text
from rerank_guard.core.report import Configured, Problem, RunError, TrainingSummary, Unjudged
from rerank_guard.core.verdict import Measured, Status, Verdict

__all__ = [
    "MOST_PROBLEMS",
    "TableLine",
    "configured_lines",
    "problem_lines",
    "training_line",
    "unjudged_lines",
    "verdict_table",
]

MOST_PROBLEMS = 5
"""Problems shown beside a diagnosis; the table has all of them."""

_HEADINGS = ("check", "status", "measured", "compared with", "n")
_SETTINGS = frozenset({"alpha", "effect"})


@dataclass(frozen=True, slots=True)
class TableLine:
    """One line of the table; `status` is None for the heading and for errors' text."""

    text: str
    status: Status | None


def verdict_table(verdicts: Sequence[Verdict], errors: Sequence[RunError] = ()) -> Iterator[TableLine]:
    """An aligned table: one line a verdict with its deciding figure, and one for each check that raised."""
    rows = [
        (
            verdict.check,
            status_text(verdict),
            _first(verdict.measured),
            _thresholds(verdict.threshold),
            str(verdict.n) if verdict.n else "-",
        )
        for verdict in verdicts
    ]
    rows += [(error.check, "ERROR", "-", "-", "-") for error in errors]
    widths = [max(len(row[column]) for row in (_HEADINGS, *rows)) for column in range(len(_HEADINGS))]
    statuses = [verdict.status for verdict in verdicts] + [Status.FAILED for _ in errors]
    yield TableLine(_aligned(_HEADINGS, widths), None)
    for row, status in zip(rows, statuses, strict=True):
        yield TableLine(_aligned(row, widths), status)


def problem_lines(problems: Sequence[Problem], most: int = MOST_PROBLEMS) -> Iterator[str]:
    """Two lines a problem: the fault with its check and cause, and under it the next step; `most` of them."""
    for problem in problems[:most]:
        fault = problem.fault or problem.unnamed
        yield f"{fault} ({problem.check}): {problem.cause}" if problem.cause else f"{fault} ({problem.check})"
        if problem.next_step:
            yield f"  -> {problem.next_step}"
    if len(problems) > most:
        yield f"and {len(problems) - most} more, see the table"


def unjudged_lines(unjudged: Sequence[Unjudged], most: int = MOST_PROBLEMS) -> Iterator[str]:
    """One line a check that was planned and has no verdict, with the reason; `most` of them, then how many more."""
    for each in unjudged[:most]:
        yield f"no verdict: {each.check}: {each.reason}"
    if len(unjudged) > most:
        yield f"no verdict: {len(unjudged) - most} more checks, see report.json"


def configured_lines(configured: Sequence[Configured], *, width: int = 100) -> Iterator[str]:
    """What differs from the defaults, and where it was given; nothing where nothing does."""
    if configured:
        text = ", ".join(f"{each.key} = {_shown(each.value)} ({each.origin})" for each in configured)
        yield from textwrap.wrap(f"configured: {text}", width, subsequent_indent="  ", break_on_hyphens=False)


def training_line(training: TrainingSummary) -> str:
    """How long the job was, and whether it was ended before its plan."""
    line = f"training: {training.steps} of {training.planned_steps} steps in {training.seconds:.0f} s"
    return f"{line}, ended early: its checks had passed" if training.stopped_early else line


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return format_value(value) if isinstance(value, bool | int | float) else repr(value)


def _thresholds(values: dict[str, Measured]) -> str:
    """The first two figures that the measurement is compared with; the test's own settings are in the full text."""
    shown = [f"{name} = {format_value(value)}" for name, value in values.items() if name not in _SETTINGS]
    return ", ".join(shown[:2]) or "-"


def _first(values: dict[str, Measured]) -> str:
    for name, value in values.items():
        return f"{name} = {format_value(value)}"
    return "-"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
