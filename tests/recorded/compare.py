"""Where two records differ, figure by figure, and what counts as equal."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tolerance:
    """How far two figures may lie apart.

    Attributes:
        relative: of the larger one.
        absolute: whatever their size.
        counts: of two whole numbers instead of `absolute`.
        texts: whether figures that are text are compared.
    """

    relative: float = 1e-6
    absolute: float = 1e-9
    counts: int = 0
    texts: bool = True


EXACT = Tolerance()
"""Another processor may round the last digits otherwise, and no more."""

ABSENT = "absent"

ANY_OF = " or "
"""Between faults of which one is named, which one depends on the order of a set: any of them is right."""


@dataclass(frozen=True)
class Difference:
    """One field of one run. `check` is empty where the field is the run's own."""

    check: str
    field: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.check or 'run'}: {self.field}: recorded {self.old!r}, got {self.new!r}"


def family(check: str) -> str:
    """A check's name without its cutoff."""
    return check.partition("[")[0]


def same(old: Any, new: Any, tolerance: Tolerance = EXACT) -> bool:
    """Whether two values agree; of dicts and lists, all that they hold."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(old[name], new[name], tolerance) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(same(a, b, tolerance) for a, b in zip(old, new, strict=True))
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    one, other = _number(old), _number(new)
    if one is None or other is None:
        return old == new or (not tolerance.texts and isinstance(old, str) and isinstance(new, str))
    if not (math.isfinite(one) and math.isfinite(other)):
        return str(one) == str(other)
    whole = isinstance(old, int) and isinstance(new, int)
    if whole and tolerance.counts == 0:
        return old == new
    absolute = tolerance.counts if whole else tolerance.absolute
    return math.isclose(one, other, rel_tol=tolerance.relative, abs_tol=absolute)


def _number(value: Any) -> float | None:
    if value in ("inf", "-inf", "nan"):
        return float(value)
    return float(value) if isinstance(value, int | float) else None


def differences(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    tolerance: Tolerance = EXACT,
    *,
    removed: Collection[str] = (),
    added: Collection[str] = (),
) -> Iterator[Difference]:
    """What a run says otherwise than before.

    Args:
        old, new: the records.
        tolerance: of the figures; statuses, faults and the diagnosis are compared exactly.
        removed: checks, without their cutoffs, that the suite no longer has. The diagnosis is then compared only where
            none of them had a verdict that was not ok.
        added: those that the suite did not have; nothing is recorded of them.
    """
    for name in ("continue_after_failure", "raised"):
        if old[name] != new[name]:
            yield Difference("", name, old[name], new[name])
    left_out = {*removed, *added}
    mattered = any(
        family(check) in removed and verdict["status"] in ("failed", "inconclusive")
        for check, verdict in old["verdicts"].items()
    )
    before, after = (
        [check for check in record["errors"] if family(check) not in left_out] for record in (old, new)
    )
    if before != after:
        yield Difference("", "errors", before, after)
    if not mattered:
        yield from _of_diagnoses(old["diagnosis"], new["diagnosis"], added)
    for check in dict.fromkeys([*old["verdicts"], *new["verdicts"]]):
        if family(check) not in left_out:
            yield from _of_verdicts(check, old["verdicts"].get(check), new["verdicts"].get(check), tolerance)


def _of_diagnoses(old: Any, new: Any, added: Collection[str]) -> Iterator[Difference]:
    if old is None or new is None:
        if old is not new:
            yield Difference("diagnosis", "fault", old and old["fault"], new and new["fault"])
        return
    shown = dict(new, explains=[check for check in new["explains"] if family(check) not in added])
    for name in old:
        before, after = old[name], shown[name]
        if name == "explains":  # in suite order, which is nothing that a run says
            before, after = sorted(before), sorted(after)
        if name == "runner_up" and before and after and set(before.split(ANY_OF)) & set(after.split(ANY_OF)):
            continue
        if before != after:
            yield Difference("diagnosis", name, before, after)


def _of_verdicts(check: str, old: Any, new: Any, tolerance: Tolerance) -> Iterator[Difference]:
    if old is None or new is None:
        yield Difference(check, "status", old["status"] if old else ABSENT, new["status"] if new else ABSENT)
        return
    for name in ("status", "fault"):
        if old[name] != new[name]:
            yield Difference(check, name, old[name], new[name])
    for name in ("n", "p_failed", "evidence"):
        if not same(old[name], new[name], tolerance):
            yield Difference(check, name, old[name], new[name])
    for name in ("measured", "threshold", "interval"):
        for figure in dict.fromkeys([*old[name], *new[name]]):
            before, after = old[name].get(figure, ABSENT), new[name].get(figure, ABSENT)
            # that a figure is there at all is compared whatever becomes of texts
            if (before == ABSENT) != (after == ABSENT) or not same(before, after, tolerance):
                yield Difference(check, f"{name}[{figure}]", before, after)
