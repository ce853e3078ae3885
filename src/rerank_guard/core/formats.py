"""One verdict as plain text: what an assertion raises and what a failing item shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rerank_guard.core.verdict import Interval, Measured, Status, Verdict

__all__ = ["format_interval", "format_value", "format_values", "format_verdict", "status_text", "status_word"]

_LABEL_WIDTH = 11


def status_word(status: Status) -> str:
    """The word shown to people, such as PASSED or NOT APPLICABLE."""
    return status.value.replace("_", " ").upper()


def status_text(verdict: Verdict) -> str:
    """The status of a verdict with what keeps it from counting: "FAILED (expected)", "INCONCLUSIVE (preview)"."""
    word = status_word(verdict.status)
    if verdict.preview and verdict.status is not Status.PASSED:
        return f"{word} (preview)"
    if verdict.expected and verdict.status.says_something:
        return f"{word} ({'expected to fail' if verdict.status is Status.PASSED else 'expected'})"
    return word


def format_value(value: Measured) -> str:
    """One measured value: floats with four significant digits, None as "none", the rest as it is."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def format_values(values: Mapping[str, Measured]) -> str:
    """Named values on one line: "recall = 0.41, gap = 0.002"; a dash when there are none."""
    return ", ".join(f"{name} = {format_value(value)}" for name, value in values.items()) or "-"


def format_interval(interval: Interval) -> str:
    """An interval on one line: "0.38 to 0.44 (99.8% Clopper-Pearson)"."""
    level = f"{100 * interval.level:.6g}%"
    return (
        f"{format_value(float(interval.low))} to {format_value(float(interval.high))} ({level} {interval.method})"
    )


def format_verdict(verdict: Verdict) -> str:
    """A verdict as plain text of several lines, without colour and without a trailing newline.

    The first line holds status, check and, where one is known, the fault; then come the likely cause and the next step,
    and after them what they rest on: the claim, what was measured against what, the interval, n, and the evidence rows.
    Empty parts are left out.
    """
    return "\n".join(_lines(verdict))


def _lines(verdict: Verdict) -> Iterator[str]:
    fault = f" [{verdict.fault}]" if verdict.fault else ""
    yield f"{status_text(verdict)} {verdict.check}{fault}"
    yield from _part("expected", verdict.expected)
    yield from _part("cause", verdict.cause)
    yield from _part("next step", verdict.next_step)
    yield from _part("claim", verdict.claim)
    if verdict.measured:
        yield from _part("measured", format_values(verdict.measured))
    if verdict.threshold:
        yield from _part("against", format_values(verdict.threshold))
    if verdict.interval is not None:
        yield from _part("interval", format_interval(verdict.interval))
    yield from _part("n", str(verdict.n))
    yield from _part("evidence", "\n".join(verdict.evidence))


def _part(label: str, text: str) -> Iterator[str]:
    """`text` under a label, each further line aligned with the first; nothing when it is empty."""
    for index, line in enumerate(text.splitlines()):
        head = f"{label}:" if index == 0 else ""
        yield f"  {head:<{_LABEL_WIDTH}}{line}"
