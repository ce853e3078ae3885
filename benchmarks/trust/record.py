"""One case of trust: what is judged, and what must come out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.core.report import Report
from rerank_guard.core.target import RerankTarget
from rerank_guard.core.verdict import Status
from rerank_guard.suite import RunSettings, check_reranker

__all__ = ["Asked", "Case", "Expected", "Outcome", "Result", "fault", "outcome_of", "silent", "status", "text_of"]


@dataclass(frozen=True)
class Expected:
    """What must come out; every part that is given has to hold.

    Attributes:
        faults: the headline is one of these.
        silent: the report is ok; beside `faults`, either will do.
        never: the headline is none of these.
        statuses: check to the statuses that its verdicts may have, at every cutoff. A check that is not in the report fails.
        says: patterns that the texts of the report must match.
        not_says: patterns that they must not match.
        exits: exit codes of the command.
    """

    faults: tuple[str, ...] = ()
    silent: bool = False
    never: tuple[str, ...] = ()
    statuses: Mapping[str, tuple[Status, ...]] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    not_says: tuple[str, ...] = ()
    exits: tuple[int, ...] = ()

    def __str__(self) -> str:
        headline = " or ".join([*self.faults, *(["silent"] if self.silent else [])])
        parts = [headline] if headline else []
        parts += [f"not {name}" for name in self.never]
        parts += [f"{check} {'/'.join(allowed)}" for check, allowed in self.statuses.items()]
        parts += [f"says /{pattern}/" for pattern in self.says]
        parts += [f"does not say /{pattern}/" for pattern in self.not_says]
        parts += ["exit " + " or ".join(map(str, self.exits))] if self.exits else []
        return "; ".join(parts)


@dataclass(frozen=True)
class Outcome:
    """What came out.

    Attributes:
        headline: the fault of the diagnosis; None without one.
        ok: of the report; None of a command.
        statuses: check, with its cutoff, to its status.
        text: every text of the report, or all output of a command.
        exit_code: of a command.
    """

    headline: str | None
    ok: bool | None
    statuses: Mapping[str, Status]
    text: str
    exit_code: int | None = None

    def __str__(self) -> str:
        parts = [] if self.exit_code is None else [f"exit {self.exit_code}"]
        if self.ok is not None:
            parts.append("silent" if self.ok else self.headline or "no diagnosis")
            parts += [f"{name} {got}" for name, got in self.statuses.items() if got in _BAD][:4]
        return "; ".join(parts)

    def broken(self, expected: Expected) -> list[str]:
        """What of the expectation does not hold, in words; empty where the case is right."""
        found = []
        if (expected.faults or expected.silent) and not self._headline_as(expected):
            found.append(f"headline {'silent' if self.ok else self.headline}")
        if self.headline in expected.never:
            found.append(f"headline {self.headline}")
        found += [wrong for check, allowed in expected.statuses.items() for wrong in self._others(check, allowed)]
        found += [f"/{each}/ is not said" for each in expected.says if not re.search(each, self.text, re.I)]
        found += [f"/{each}/ is said" for each in expected.not_says if re.search(each, self.text, re.I)]
        if expected.exits and self.exit_code not in expected.exits:
            found.append(f"exit {self.exit_code}")
        return found

    def _headline_as(self, expected: Expected) -> bool:
        return bool(expected.silent and self.ok) or (self.headline is not None and self.headline in expected.faults)

    def _others(self, check: str, allowed: tuple[Status, ...]) -> list[str]:
        got = {name: each for name, each in self.statuses.items() if name.partition("[")[0] == check}
        if not got:
            return [f"{check} has no verdict"]
        return [f"{name} {each}" for name, each in got.items() if each not in allowed]


_BAD = (Status.FAILED, Status.INCONCLUSIVE)


@dataclass(frozen=True)
class Asked:
    """A reranker, and how it is judged."""

    target: RerankTarget
    settings: RunSettings | None = None

    def judged(self) -> Outcome:
        return outcome_of(check_reranker(self.target, self.settings))


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        item: number of the case in the list that the table follows.
        name: the input, in a few words.
        build: from a seed to something with `judged()`.
        expected: what must come out.
        sibling: of the same kind, but not the input that was reported.
        fast: cheap enough for the test suite.
    """

    item: int
    name: str
    build: Callable[[int], Any]
    expected: Expected
    sibling: bool = True
    fast: bool = False


@dataclass(frozen=True)
class Result:
    """A case and what came out: `wrong` is empty where it is right."""

    case: Case
    got: str
    wrong: tuple[str, ...]
    seconds: float


def outcome_of(report: Report) -> Outcome:
    """What a report says, in the terms of an expectation."""
    headline = None if report.diagnosis is None else report.diagnosis.fault
    statuses = {verdict.check: verdict.status for verdict in report.verdicts}
    return Outcome(headline, report.ok, statuses, text_of(report))


def text_of(report: Report) -> str:
    """The words of the diagnosis, and of every verdict that is not ok."""
    parts = []
    if (diagnosis := report.diagnosis) is not None:
        runner_up = [] if diagnosis.runner_up is None else [diagnosis.runner_up.why]
        parts += [diagnosis.cause, diagnosis.fix, *diagnosis.evidence, *runner_up, *diagnosis.alternatives]
    for verdict in report.verdicts:
        if not verdict.ok:
            parts += [f"{verdict.check} {verdict.measured}", verdict.cause, verdict.next_step, *verdict.evidence]
    parts += [error.message for error in report.errors]
    return _without_definitions("\n".join(parts))


def _without_definitions(text: str) -> str:
    """Without what every text about a fault says, such as all that "adapter-inactive" may be."""
    for each in all_faults().values():
        text = text.replace(each.what.rstrip("."), "")
    return text


def fault(*names: str, **more: Any) -> Expected:
    """The headline is one of these faults."""
    return Expected(faults=names, **more)


def silent(**more: Any) -> Expected:
    """Nothing is raised."""
    return Expected(silent=True, **more)


def status(check: str, *allowed: Status, **more: Any) -> Expected:
    """One check has one of these statuses."""
    return Expected(statuses={check: allowed}, **more)
