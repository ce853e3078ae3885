"""`rerank-guard doctor`: the suite on one target without pytest, and what is wrong on one screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rerank_guard.core.atomic_file import replace_text
from rerank_guard.core.errors import TargetError
from rerank_guard.core.progress import ProgressBar
from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status
from rerank_guard.report.diagnosis_text import diagnosis_lines, recall_in_words
from rerank_guard.report.json import dumps, report_to_json_dict
from rerank_guard.report.terminal import problem_lines, verdict_table

__all__ = ["LINES", "WIDTH", "doctor_lines", "examine"]

LINES = 40
"""Lines of one screen."""

WIDTH = 100
"""Columns of one screen."""

_TABLE = 12
"""Lines of the table that are kept for it, however long the diagnosis is."""


def examine(
    spec: str,
    *,
    cutoffs: Sequence[int] | None = None,
    seed: int = 0,
    alpha: float | None = None,
    device: str | None = None,
    json_file: Path | None = None,
) -> Report:
    """Load a target, run the suite on it with progress on stderr, and print one screen on stdout.

    Args:
        spec: "package.module:factory"; modules are looked for in the current directory too.
        cutoffs: the K of Recall@K; None leaves the choice to the target.
        seed: given to the factory.
        alpha: level of every statistical check; None for each check's own.
        device: given to the factory; None leaves the choice to it.
        json_file: where the whole report goes as JSON too.

    Raises:
        RerankGuardError: the target cannot be loaded, has no usable tasks, a cutoff is vacuous, or `json_file` cannot be
            written.
        Exception: whatever the target's own code raises.
    """
    from rerank_guard.suite import RunSettings, check_reranker, load_target

    if (here := str(Path.cwd())) not in sys.path:  # as `python -m` does, and as the pytest plugin does
        sys.path.insert(0, here)
    bar = ProgressBar(_to_stderr, redraw=sys.stderr.isatty(), width=WIDTH)
    try:
        target = load_target(spec, seed=seed, device=device)
        settings = RunSettings(None if cutoffs is None else tuple(cutoffs), alpha, seed, device)
        report = check_reranker(target, settings, progress=bar)
    finally:
        bar.close()
    print("\n".join(doctor_lines(report)))
    if json_file is not None:
        try:
            replace_text(json_file, dumps(report_to_json_dict(report), indent=2) + "\n")
        except OSError as error:
            raise TargetError(
                f"the report cannot be written to {json_file}: {error}; name another file."
            ) from error
    return report


def doctor_lines(report: Report) -> Iterator[str]:
    """One screen: the recall in words, the diagnosis, what it leaves open, and the table; at most 40 lines of 100 columns.

    What does not fit is cut from the table, passed checks first.
    """
    head = [line for line in (recall_in_words(report.verdicts),) if line]
    if report.diagnosis is not None:
        head += diagnosis_lines(report.diagnosis, width=WIDTH)
        head += problem_lines(report.unexplained, most=3)
    head += [f"error in {error.check}: {error.message}" for error in report.errors]
    tail = [] if not report.ok else [f"all checks passed: {_judged(report)}"]
    head = head[: LINES - _TABLE - len(tail) - 2]
    room = LINES - len(head) - len(tail) - (1 if head else 0)
    yield from (line[:WIDTH] for line in head)
    if head:
        yield ""
    yield from _table(report, room)
    yield from tail


def _table(report: Report, room: int) -> Iterator[str]:
    """The verdicts that fit: those that are not ok first, then in suite order; a last line counts the rest."""
    shown = [
        verdict for verdict in report.verdicts if verdict.status not in (Status.NOT_APPLICABLE, Status.NOT_RUN)
    ]
    not_judged = len(report.verdicts) - len(shown)
    lines_left = room - 2  # the heading, and the line that counts the rest
    by_weight = sorted(range(len(shown)), key=lambda index: (shown[index].ok, index))[:lines_left]
    kept = [shown[index] for index in sorted(by_weight)]
    for line in verdict_table(kept):
        yield line.text[:WIDTH].rstrip()
    left_out = [verdict for index, verdict in enumerate(shown) if index not in by_weight]
    rest = []
    if left_out:
        rest.append(f"{len(left_out)} more {'passed' if all(verdict.ok for verdict in left_out) else 'not shown'}")
    if not_judged:
        rest.append(f"{not_judged} not applicable or not run")
    if rest:
        yield f"({', '.join(rest)})"


def _judged(report: Report) -> int:
    return sum(verdict.status is Status.PASSED for verdict in report.verdicts)


def _to_stderr(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
