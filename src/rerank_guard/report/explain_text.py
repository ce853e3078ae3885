"""What is known of a check or a fault as lines of text, none longer than the width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rerank_guard.core.fault import Fault
from rerank_guard.core.formats import format_value, format_verdict
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.demonstration import Demonstration, Shown
from rerank_guard.faults.explanation import CheckExplanation, FaultExplanation, SettingExplanation
from rerank_guard.faults.injector import Injector
from rerank_guard.report.diagnosis_text import diagnosis_lines
from rerank_guard.report.selftest_command import selftest_command
from rerank_guard.report.wrapped_text import reflowed, wrapped

__all__ = ["check_lines", "fault_lines"]

_INDENT = 2
_NAMES_SHOWN = 10
_OF_VERDICTS = 13
"""Column at which the text of a verdict's lines begins, see `core.formats`."""


def check_lines(
    explained: CheckExplanation, shown: Demonstration | None = None, *, width: int = 100
) -> Iterator[str]:
    """A check under short headings.

    Args:
        explained: what is known of it.
        shown: its executed examples; None leaves them out.
        width: columns that may be used.
    """
    planned, check = explained.planned, explained.check
    yield planned.name + (f", a variant of {explained.variant_of}" if explained.variant_of else "")
    yield from _text(f"{_sentence(planned.claim)}.", width)
    yield from _section("Why it matters, and how it decides")
    yield from _text(explained.documentation.summary, width)
    for block in explained.documentation.body:
        yield ""
        yield from reflowed(block, width, _INDENT)
    if explained.documentation.returns:
        yield ""
        yield from _text(f"Result: {explained.documentation.returns}", width)
    yield from _section("What it needs")
    yield from _rows(_needs(explained), width)
    yield from _settings(explained.settings, width)
    yield from _section("Faults that it can name, and what to do")
    for fault in check.can_name:
        yield from _fault(fault, width)
    if check.looks_like is not None and check.looks_like not in check.can_name:
        yield from _text(f"A failure looks like {check.looks_like}: {check.looks_like.what}", width)
    yield from _section("Faults that are ruled out where it passes")
    yield from _text(", ".join(fault.name for fault in check.rules_out) or "none", width)
    yield from _section("Source of the method")
    yield from _text("; ".join(explained.papers) or "no paper is named; the text above says all of it", width)
    yield from _examples(shown, width, planned.k)


def fault_lines(
    explained: FaultExplanation, shown: Demonstration | None = None, *, width: int = 100
) -> Iterator[str]:
    """A fault under short headings; arguments as of `check_lines`."""
    fault = explained.fault
    yield f"{fault.name}, a fault of the stage {_words(fault.stage.folder)}"
    yield from _text(fault.what, width)
    yield from _section("How it looks")
    yield from _rows(_looks(explained), width)
    yield from _section("What causes it")
    yield from _causes(explained, width)
    yield from _section("What to do")
    yield from _text(fault.fix, width)
    yield from _section("Easily confused with")
    yield from _text(", ".join(sorted(fault.confused_with)) or "none", width)
    yield from _section("How to inject it")
    yield from _injecting(explained, width)
    yield from _examples(shown, width)


def _needs(explained: CheckExplanation) -> Iterator[tuple[str, str]]:
    cutoff = ", once a cutoff K" if explained.check.per == "cutoff" else ""
    yield "stage", _words(explained.check.stage.folder)
    yield "runs", f"{explained.runs}{cutoff}"
    if explained.methods:
        yield "methods", ", ".join(explained.methods)
    if explained.needs_reference:
        yield "run", "a reference run (--rerank-reference FILE)"
    for name, variant in explained.check.variants.items():
        if name != explained.planned.variant:
            yield "variant", f"{name}: {variant.claim}"
    if explained.check.preview:
        yield "preview", "it is reported without failing a run"


def _settings(settings: Sequence[SettingExplanation], width: int) -> Iterator[str]:
    yield from _section("Settings")
    if not settings:
        yield from _text("none", width)
    for each in settings:
        changed = f", default {format_value(each.setting.default)}" if each.differs else " (the default)"
        origin = f"; set in {each.origin}" if each.origin else ""
        yield from _text(
            f"{each.setting.name} = {_value(each.value)}{changed}; allowed: {each.setting.allowed}{origin}", width
        )
        follows = " The run's alpha, where one is given, replaces it." if each.setting.is_level else ""
        yield from wrapped(f"{_stop(each.text)}{follows}", width, _INDENT + 4)


def _fault(fault: Fault, width: int) -> Iterator[str]:
    yield from _text(f"{fault.name}: {fault.what}", width)
    yield from wrapped(f"-> {fault.fix}", width, _INDENT + 2, hanging=3)


def _looks(explained: FaultExplanation) -> Iterator[tuple[str, str]]:
    fault = explained.fault
    if fault.symptom:
        yield "kind", "a symptom: the name says how the figures look, not what is wrong"
    yield "named by", ", ".join(explained.named_by) or "no check by itself; the diagnosis weighs all verdicts"
    if explained.looks_of:
        yield "looks like", f"what these checks show where they name no fault: {', '.join(explained.looks_of)}"
    yield "ruled out by", ", ".join(explained.ruled_out_by) or "no check"
    if explained.consequences:
        yield "may entail", _some(explained.consequences)
    if fault.unrelated_to_metrics:
        yield "metrics", "it says nothing about the figures of this run"


def _causes(explained: FaultExplanation, width: int) -> Iterator[str]:
    ways = [each.what for each in explained.injectors]
    if ways:
        yield from _text(f"For instance: {'; '.join(ways)}.", width)
    if explained.behind:
        yield from _text(f"A check may also name it because of another fault: {_some(explained.behind)}.", width)
    if not ways and not explained.behind:
        yield from _text("What the first sentence says; no other fault brings it about.", width)


def _injecting(explained: FaultExplanation, width: int) -> Iterator[str]:
    if not explained.injectors:
        yield from _text("No injector does; the example shows it.", width)
        return
    for each in explained.injectors:
        yield from wrapped(f"{each.id}: {each.what}{_injector_notes(each)}", width, _INDENT, 4)
    yield from _text(selftest_command(explained.injectors), width)


def _injector_notes(each: Injector) -> str:
    notes = [
        *(["trains a copy, so --retrain is needed"] if each.retrains else []),
        *(["seen only beside a reference run"] if each.needs_reference else []),
    ]
    return f" ({', '.join(notes)})" if notes else ""


def _some(names: Sequence[str]) -> str:
    """The first names; how many there are besides."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more (--json has all)" if more > 0 else "")


def _examples(shown: Demonstration | None, width: int, asked_for: int | None = None) -> Iterator[str]:
    if shown is None:
        return
    yield from _section("Failing example, executed just now with the default settings")
    if asked_for is not None:
        yield from _text(f"It is judged at the small reranker's own cutoff rather than at K={asked_for}.", width)
    yield from _example(shown.failing, width)
    yield from _section("Passing example, executed just now")
    yield from _example(shown.passing, width)


def _example(shown: Shown, width: int) -> Iterator[str]:
    yield from _text(f"{_sentence(shown.what)}.", width)
    yield ""
    yield from _verdict(shown.verdict, width)
    if shown.diagnosis is not None:
        yield ""
        for line in diagnosis_lines(shown.diagnosis, width=width - _INDENT):
            yield f"{' ' * _INDENT}{line}"


def _verdict(verdict: Verdict, width: int) -> Iterator[str]:
    """The lines of a verdict; what is wrapped continues below the text, a further row of evidence a little to the right."""
    for line in format_verdict(verdict).splitlines():
        text = line.lstrip()
        before = len(line) - len(text)
        hanging = 0 if before == 0 else _OF_VERDICTS - before or 2
        yield from wrapped(text, width, _INDENT + before, hanging)


def _rows(rows: Iterator[tuple[str, str]], width: int) -> Iterator[str]:
    for label, text in rows:
        yield from wrapped(f"{label:<14}{text}", width, _INDENT, 14)


def _section(heading: str) -> Iterator[str]:
    yield ""
    yield heading


def _text(text: str, width: int) -> Iterator[str]:
    yield from wrapped(text, width, _INDENT)


def _value(value: object) -> str:
    return format_value(value) if isinstance(value, float | int | str | bool) else str(value)


def _stop(text: str) -> str:
    return text if not text or text.endswith(".") else f"{text}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _words(folder: str) -> str:
    return folder.replace("_", " ")
