"""A selftest's report as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rerank_guard.faults.selftest_outcome import InjectorOutcome, Outcome, SelftestReport

__all__ = ["selftest_lines"]

_HEADINGS = ("", "fault", "named", "what", "noticed by")
_CHECKS_SHOWN = 1
_WHAT_WIDTH = 44


def selftest_lines(report: SelftestReport, *, width: int = 120) -> Iterator[str]:
    """The table, what does not apply, and a summary.

    Args:
        report: to be shown.
        width: characters after which a row of the table is cut.
    """
    if report.healthy_failures:
        yield (
            f"{report.target} is not healthy without a fault: {', '.join(report.healthy_failures)} did not pass. What these "
            "checks find of a fault does not count below."
        )
        yield ""
    judged = [each for each in report.outcomes if each.judged]
    yield from _table([_HEADINGS, *map(_row, judged)], width)
    yield ""
    for each in report.outcomes:
        if each.outcome is Outcome.DOES_NOT_APPLY and not each.lacks:
            yield f"{each.injector.id} does not apply: {each.note}"
        elif each.outcome is Outcome.RAISED:
            yield f"{each.injector.id} raised {each.note}"
        elif each.outcome is Outcome.BELOW_LIMIT:
            yield f"{each.injector.id} is too small on this reranker to be seen: {each.note}"
    yield _summary(report, judged)


def _table(rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        yield _cut(line, width)


def _row(each: InjectorOutcome) -> tuple[str, ...]:
    return (
        each.injector.id,
        each.injector.fault.name,
        _named(each),
        _cut(each.injector.what, _WHAT_WIDTH),
        _noticed_by(each),
    )


def _named(each: InjectorOutcome) -> str:
    if not each.noticed:
        return ""
    if each.named_right:
        return "right"
    return f"as {each.diagnosis}" if each.diagnosis else "not"


def _noticed_by(each: InjectorOutcome) -> str:
    if each.outcome is Outcome.RAISED:
        return "an error"
    more = len(each.noticed_by) - _CHECKS_SHOWN
    shown = ", ".join(each.noticed_by[:_CHECKS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return shown or "NOTHING"


def _summary(report: SelftestReport, judged: Sequence[InjectorOutcome]) -> str:
    noticed = sum(each.noticed for each in judged)
    named = sum(each.named_right for each in judged)
    parts = [f"noticed {noticed} of {len(judged)}, named right {named}"]
    inapplicable = [each for each in report.outcomes if each.outcome is Outcome.DOES_NOT_APPLY]
    if inapplicable:
        wanted = Counter(method for each in inapplicable for method in each.lacks)
        methods = ", ".join(f"{method} ({count})" for method, count in wanted.most_common())
        parts.append(f"{len(inapplicable)} do not apply" + (f": add to the reranker {methods}" if methods else ""))
    too_small = sum(each.outcome is Outcome.BELOW_LIMIT for each in report.outcomes)
    if too_small:
        parts.append(f"{too_small} too small to be seen here")
    left_out = sum(each.outcome is Outcome.LEFT_OUT for each in report.outcomes)
    if left_out:
        parts.append(f"{left_out} break the training job and need --retrain")
    return "; ".join(parts)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
