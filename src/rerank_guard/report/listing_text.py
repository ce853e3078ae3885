"""All checks, or all faults, as lines of text: by stage, a name and its sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rerank_guard.core.stage import Stage
from rerank_guard.faults.explanation import CheckExplanation, FaultExplanation
from rerank_guard.report.wrapped_text import wrapped

__all__ = ["list_of_checks", "list_of_faults"]


def list_of_checks(checks: Sequence[CheckExplanation], *, width: int = 100) -> Iterator[str]:
    """Each check with when it runs and its claim; variants follow their check."""
    rows = (
        (each.check.stage, f"{each.planned.family}{'[K]' if each.check.per else ''}", each.runs, each.planned.claim)
        for each in checks
    )
    yield from _list(rows, width)


def list_of_faults(faults: Sequence[FaultExplanation], *, width: int = 100) -> Iterator[str]:
    """Each fault with the checks that name it, and what it is."""
    yield from _list(
        ((each.fault.stage, each.fault.name, _named_by(each), each.fault.what) for each in faults), width
    )


def _named_by(explained: FaultExplanation) -> str:
    names = explained.named_by
    if not names:
        return "no check by itself"
    return f"named by {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _list(rows: Iterator[tuple[Stage, str, str, str]], width: int) -> Iterator[str]:
    """A heading a stage; below it name and note on one line, and the sentence below these."""
    stage = None
    for of, name, note, sentence in rows:
        if of is not stage:
            if stage is not None:
                yield ""
            stage = of
            yield of.folder.replace("_", " ").upper()
        yield f"  {name}  ({note})"
        yield from wrapped(sentence, width, 6)
