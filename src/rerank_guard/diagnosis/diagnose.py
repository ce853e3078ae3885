"""From all verdicts and a few probes to one named fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.diagnosis.catalogue import check_note, fault_note
from rerank_guard.diagnosis.diagnosis import UNDECIDED, Certainty, Diagnosis, Probe, Suspect
from rerank_guard.diagnosis.evidence import Evidence
from rerank_guard.diagnosis.note import FaultNote
from rerank_guard.diagnosis.patterns import (
    between_training_and_scoring,
    corrected,
    fits_no_signal,
    inferred,
    untrained_checkpoint,
)
from rerank_guard.diagnosis.suspects import Accusation, Proof, accounts_for, accuse, figures_of, of_probe
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["diagnose"]

_REFUTED_BY_LEARNING = frozenset(
    {
        "anti-learning",
        "diverged",
        "letter-not-supervised",
        "no-trainable-parameters",
        "no-update",
        "not-trained",
        "under-trained",
    }
)
"""Faults that cannot be why the ranking is poor where the letter's own loss fell."""

_VAGUE = frozenset({"lost-after-training", "scores-not-from-model", "no-signal"})
"""Symptoms that say least; where another explains as much, it is the one to name."""


@dataclass(frozen=True, slots=True)
class _Group:
    """All accusations of one fault, the strongest first."""

    accusations: tuple[Accusation, ...]

    @property
    def first(self) -> Accusation:
        return self.accusations[0]

    @property
    def note(self) -> FaultNote:
        return self.first.note

    @property
    def rank(self) -> tuple[int, ...]:
        return self.first.proof, self.stage, self.first.order

    @property
    def stage(self) -> int:
        """Of a cause where it sits; of a symptom where it first shows, if that is later."""
        if self.first.proof is not Proof.SYMPTOM:
            return self.note.stage
        if any(accusation.inferred for accusation in self.accusations):
            return self.note.stage  # several verdicts together say more than where each of them looks
        shows = min(check_note(accusation.source).stage for accusation in self.accusations)
        return max(self.note.stage, shows)


def diagnose(verdicts: Sequence[Verdict], probes: Sequence[Probe] = ()) -> Diagnosis | None:
    """The one fault that explains a run best; None where every verdict is ok.

    1. A cause comes before a symptom. A cause is a fault that an exact check saw, or that a statistical check measured
       directly; a symptom's name says how it looks (`FaultNote.symptom`). Seen ones come before measured ones, and among
       equals the most upstream stage first, then the order of the suite. How many users are broken does not matter.
    2. A cause that another one brings about is not the answer, wherever it sits (`FaultNote.explains`): a letter read one
       position early makes the prompts differ too. What an exact check saw is not explained away by a fault that merely
       makes figures look so.
    3. A probe that brings the figures back counts as seen.
    4. Faults that say nothing about the figures at hand (`FaultNote.aside`) come after a symptom that they do not explain.
    5. Among symptoms alone the one that accounts for most of the failed verdicts wins; nothing later accounts for what
       failed earlier, so a job that never learned is not a fault of the scoring. Ties: the one that says more, then by
       stage.
    6. Where the training loss fell far below chance and the held-out ranking is at chance, the fault lies between the two;
       what is left is named with all that has not been excluded. See `patterns`.
    7. A fault is excluded where the check that would see it passed. A fault of the job that would have kept the loss at
       chance does not explain a poor ranking after a loss that fell.
    8. Where nothing failed but something is undecided, the fault is "undecided", and the fix says what would decide.

    Args:
        verdicts: of one run, in suite order.
        probes: those that spoke, see `what_if` and `Probe`.

    Returns:
        The diagnosis; its runner-up is the next suspect that does not follow from it, or else what is most easily taken
        for it and has not been excluded.
    """
    evidence = Evidence(verdicts)
    not_ok = [verdict for verdict in verdicts if not verdict.ok]
    if not not_ok:
        return None
    between = list(between_training_and_scoring(evidence))
    if all(verdict.status is Status.INCONCLUSIVE for verdict in not_ok) and not probes and not between:
        return _undecided(not_ok)
    accusations = [corrected(accusation, evidence) for accusation in accuse(verdicts)]
    accusations += [of_probe(probe, len(verdicts) + order) for order, probe in enumerate(probes)]
    accusations += inferred(evidence)
    accusations += untrained_checkpoint(evidence)
    alternatives: dict[str, tuple[str, ...]] = {}
    for accusation, fits_too in between:
        accusations = [other for other in accusations if not _says_less(other, evidence)] + [accusation]
        alternatives[accusation.fault] = fits_too
    ranking = _ranked(_grouped(accusations), evidence)
    primary = ranking[0]
    if primary.note.name == "no-signal" and primary.first.proof is Proof.SYMPTOM:
        alternatives.setdefault("no-signal", fits_no_signal(evidence))
    fits_too = alternatives.get(primary.note.name, ()) if primary.first.proof is Proof.SYMPTOM else ()
    return Diagnosis(
        fault=primary.note.name,
        certainty=_certainty(primary.first, fits_too),
        cause=primary.first.cause,
        evidence=_evidence(primary),
        fix=primary.first.fix,
        explains=tuple(verdict.check for verdict in not_ok if _explains(primary, verdict, evidence)),
        runner_up=_runner_up(primary, ranking[1:], evidence),
        alternatives=fits_too,
    )


def _grouped(accusations: Sequence[Accusation]) -> list[_Group]:
    by_fault: dict[str, list[Accusation]] = {}
    for accusation in accusations:
        by_fault.setdefault(accusation.fault, []).append(accusation)
    return [
        _Group(tuple(sorted(group, key=lambda accusation: (accusation.proof, accusation.order))))
        for group in by_fault.values()
    ]


def _ranked(groups: Sequence[_Group], evidence: Evidence) -> list[_Group]:
    """Causes that follow from nothing else, then symptoms, then asides, then the causes that do follow."""
    causes = sorted(
        (group for group in groups if group.first.proof is not Proof.SYMPTOM), key=lambda group: group.rank
    )
    symptoms = [group for group in groups if group.first.proof is Proof.SYMPTOM]
    symptoms.sort(
        key=lambda group: (
            -_reach(group, evidence),
            group.note.name in _VAGUE,
            any(_follows_by_name(group, other) for other in groups if other.first.proof is Proof.SYMPTOM),
            group.stage,
            group.first.order,
        )
    )
    roots = [
        group for group in causes if not _follows(group, causes, evidence)
    ] or causes  # a ring has no beginning
    roots = [group for group in roots if not _follows(group, symptoms, evidence)]
    main = [group for group in roots if not group.note.aside]
    aside = [group for group in roots if group.note.aside]
    return [*main, *symptoms, *aside, *(group for group in causes if group not in roots)]


def _follows(effect: _Group, groups: Sequence[_Group], evidence: Evidence) -> bool:
    return any(_brings_about(group, effect, evidence) for group in groups if group != effect)


def _brings_about(cause: _Group, effect: _Group, evidence: Evidence) -> bool:
    """One way only: where each could bring about the other, stage and order decide. A symptom cannot undo a probe."""
    if cause.first.proof is Proof.SYMPTOM and not _sources(effect, evidence):
        return False
    return _covers(cause, effect, evidence) and not _covers(effect, cause, evidence)


def _covers(cause: _Group, effect: _Group, evidence: Evidence) -> bool:
    """The verdicts that are the best proof of the effect are explained by the cause; what no verdict says, by its name."""
    verdicts = _sources(effect, evidence)
    if not verdicts:
        return effect.note.name in cause.note.explains
    return all(_explains(cause, verdict, evidence) for verdict in verdicts)


def _follows_by_name(effect: _Group, cause: _Group) -> bool:
    return effect.note.name in cause.note.explains and cause.note.name not in effect.note.explains


def _sources(group: _Group, evidence: Evidence) -> list[Verdict]:
    named = {accusation.source for accusation in group.accusations if accusation.proof is group.first.proof}
    return [verdict for verdict in evidence.verdicts if verdict.check in named]


def _explains(group: _Group, verdict: Verdict, evidence: Evidence) -> bool:
    if any(accusation.source == verdict.check for accusation in group.accusations):
        return True
    if group.note.name in _REFUTED_BY_LEARNING and evidence.learned() is not None:
        return verdict.fault == group.note.name
    return accounts_for(group.note, verdict)


def _reach(group: _Group, evidence: Evidence) -> int:
    """How many failed verdicts it accounts for."""
    return sum(
        _explains(group, verdict, evidence) for verdict in evidence.verdicts if verdict.status is Status.FAILED
    )


def _says_less(accusation: Accusation, evidence: Evidence) -> bool:
    """A symptom that says no more than that the ranking is at chance, or goes by slots where the job's own did not."""
    learned_more_than_letters = evidence.passed("loss_below_letter_prior")
    looks = {"no-signal", "under-trained", *(["position-prior"] if learned_more_than_letters else [])}
    return accusation.proof is Proof.SYMPTOM and accusation.fault in looks


def _runner_up(primary: _Group, others: Sequence[_Group], evidence: Evidence) -> Suspect | None:
    independent = [group for group in others if not _covers(primary, group, evidence)]
    for group in _ranked(independent, evidence):
        return Suspect(group.note.name, group.first.source, group.first.cause)
    explained = {group.note.name for group in others}
    confused = sorted(
        (fault_note(name) for name in primary.note.confused_with - explained), key=lambda entry: entry.stage
    )
    for entry in confused:
        if not evidence.excludes(entry.seen_by):
            return Suspect(entry.name, "", entry.what)
    return None


def _certainty(accusation: Accusation, alternatives: Sequence[str]) -> Certainty:
    if accusation.proof is Proof.SEEN or (accusation.exact and not alternatives):
        return Certainty.SEEN
    return Certainty.OPEN if alternatives else Certainty.LIKELY


def _evidence(group: _Group) -> tuple[str, ...]:
    """The first source's rows; where others accuse too, each one's deciding row takes the place of the last."""
    heads = [accusation.evidence[0] for accusation in group.accusations[1:] if accusation.evidence][:2]
    rows = group.first.evidence[: MAX_EVIDENCE - len(heads)]
    return tuple(dict.fromkeys((*rows, *heads)))


def _undecided(not_ok: Sequence[Verdict]) -> Diagnosis:
    first = not_ok[0]
    others = f", nor {len(not_ok) - 1} more" if len(not_ok) > 1 else ""
    return Diagnosis(
        fault=UNDECIDED,
        certainty=Certainty.OPEN,
        cause=f"Nothing failed, but {first.check} could not be decided{others}. {first.cause}".rstrip(),
        evidence=tuple(figures_of(verdict) for verdict in not_ok[:MAX_EVIDENCE]),
        fix=first.next_step or "Judge on more users.",
        explains=tuple(verdict.check for verdict in not_ok),
    )
