"""`rerank-guard doctor`: the suite on one target without pytest, and what is wrong on one screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rerank_guard.cli.required import required_target
from rerank_guard.core.atomic_file import replace_text
from rerank_guard.core.config.configuration import Configuration
from rerank_guard.core.errors import TargetError
from rerank_guard.core.progress import ProgressBar
from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status
from rerank_guard.report.diagnosis_text import diagnosis_lines, recall_in_words
from rerank_guard.report.json import dumps, report_to_json_dict
from rerank_guard.report.markdown import report_to_markdown
from rerank_guard.report.terminal import configured_lines, problem_lines, unjudged_lines, verdict_table

__all__ = ["LINES", "WIDTH", "doctor_lines", "examine"]

LINES = 40
"""Lines of one screen."""

WIDTH = 100
"""Columns of one screen."""

_CONFIGURED = 4
"""Lines of what differs from the defaults; the report has all of it."""

_TABLE = 12
"""Lines of the table that are kept for it, however long the diagnosis is."""


def examine(configuration: Configuration, *, device: str | None = None, json_file: Path | None = None) -> Report:
    """Load a target, run the suite on it with progress on stderr, and print one screen on stdout.

    Args:
        configuration: of files and command line; its target is looked for in the current directory too.
        device: given to the factory; None leaves the choice to it.
        json_file: where the whole report goes as JSON too.

    Raises:
        RerankGuardError: the configuration is not usable, the target cannot be loaded, has no usable tasks, a cutoff is
            vacuous, or a report cannot be written.
        Exception: whatever the target's own code raises.
    """
    from rerank_guard.suite import check_reranker, load_target
    from rerank_guard.suite.configured import reference_of, run_settings_of

    if (here := str(Path.cwd())) not in sys.path:  # as `python -m` does, and as the pytest plugin does
        sys.path.insert(0, here)
    folder: Path | None = configuration.get("report")
    files = [] if folder is None else [folder / "report.json", folder / "summary.md"]
    for stale in files if json_file is None else [*files, json_file]:
        _remove(stale)  # a run that breaks must not leave another run's report to be read as its own
    bar = ProgressBar(_to_stderr, redraw=sys.stderr.isatty(), width=WIDTH)
    try:
        settings = run_settings_of(configuration, device=device, reference=reference_of(configuration))
        spec = required_target(configuration)
        target = load_target(spec, seed=settings.seed, device=device)
        report = check_reranker(target, settings, progress=bar)
    finally:
        bar.close()
    print("\n".join(doctor_lines(report)))
    data = dumps(report_to_json_dict(report), indent=2) + "\n"
    if json_file is not None:
        _write(json_file, data)
    if folder is not None:
        _write(folder / "report.json", data)
        _write(folder / "summary.md", report_to_markdown(report))
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
    head += unjudged_lines(report.unjudged)
    tail = list(configured_lines(report.configured, width=WIDTH))[:_CONFIGURED]
    tail += [] if not report.ok else [_all_well(report)]
    head = head[: LINES - _TABLE - len(tail) - 2]
    room = LINES - len(head) - len(tail) - (1 if head else 0)
    yield from (line[:WIDTH] for line in head)
    if head:
        yield ""
    yield from _table(report, room)
    yield from tail


def _table(report: Report, room: int) -> Iterator[str]:
    """The verdicts that fit: those that are not ok first, then in suite order; a last line counts the rest."""
    shown = [verdict for verdict in report.verdicts if verdict.status.says_something]
    not_judged = len(report.verdicts) - len(shown)
    ignored = [verdict.check for verdict in report.verdicts if verdict.status is Status.IGNORED]
    lines_left = room - 2  # the heading, and the line that counts the rest
    by_weight = sorted(range(len(shown)), key=lambda index: (shown[index].ok, index))[:lines_left]
    kept = [shown[index] for index in sorted(by_weight)]
    for line in verdict_table(kept):
        yield line.text[:WIDTH].rstrip()
    left_out = [verdict for index, verdict in enumerate(shown) if index not in by_weight]
    rest = []
    if left_out:
        rest.append(f"{len(left_out)} more {'passed' if all(verdict.ok for verdict in left_out) else 'not shown'}")
    if ignored:
        rest.append(f"ignored: {', '.join(ignored)}")
    if not_judged > len(ignored):
        rest.append(f"{not_judged - len(ignored)} not applicable or not run")
    if rest:
        yield f"({', '.join(rest)})"


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise TargetError(f"the report cannot be written to {path}: {error}; name another file.") from error


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise TargetError(f"the report cannot be written to {path}: {error}; name another file.") from error


def _all_well(report: Report) -> str:
    """How many checks passed, and what of the rest does not count."""
    passed = sum(verdict.status is Status.PASSED for verdict in report.verdicts)
    expected = sum(verdict.excused and not verdict.preview for verdict in report.verdicts)
    preview = sum(verdict.excused and verdict.preview for verdict in report.verdicts)
    rest = [f"{expected} failed as expected"] if expected else []
    rest += [f"{preview} preview checks did not pass and do not count"] if preview else []
    return "; ".join([f"{'passed' if rest else 'all checks passed'}: {passed}", *rest])


def _to_stderr(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
