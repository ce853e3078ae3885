"""From all verdicts and a few probes to one named fault."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rerank_guard.core.diagnosis import UNDECIDED, Certainty, Diagnosis, Probe, Suspect
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.faults.scoring import POSITION_PRIOR
from rerank_guard.core.faults.training import NO_SIGNAL, UNDER_TRAINED
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import MAX_EVIDENCE, Status, Verdict
from rerank_guard.diagnosis.accounting import Group, covers, explains, grouped
from rerank_guard.diagnosis.evidence import Evidence
from rerank_guard.diagnosis.ranking import ranked
from rerank_guard.diagnosis.rules import ADDING, Between, between_training_and_scoring, fits_no_signal, renamed
from rerank_guard.diagnosis.suspicion import PROBE, Suspicion, deciding_figure, of_probe, of_verdicts

__all__ = ["diagnose"]


def diagnose(
    verdicts: Sequence[Verdict], probes: Sequence[Probe] = (), tolerant: Collection[str] = ()
) -> Diagnosis | None:
    """The one fault that explains a run best; None where every verdict is ok.

    1. Each failed check suspects a fault, with a strength: seen by an exact comparison, measured by a statistical test or a
       probe, or a symptom, whose name says how the figures look. Seen faults come first, then measured ones; among equals
       one that affects a fifth of the units or more, then the most upstream stage, then the order of the run.
    2. A fault that another one brings about is not the answer, wherever it is (`Fault.explains`): a letter read one position
       early makes the prompts differ too. What an exact check saw is not explained away by a fault that merely makes figures
       look so.
    3. Faults that say nothing about the figures at hand (`Fault.unrelated_to_metrics`) come after a symptom that they do not
       explain.
    4. Among symptoms alone the one that accounts for most of the failed verdicts wins; nothing later accounts for what
       failed earlier, so a job that never learned is not a fault of the scoring. Ties: the one that says more, then by
       stage.
    5. Rules (`diagnosis.rules`) correct a suspicion that other verdicts exclude, and add what only several verdicts say, such
       as a fault between a job that learned and a ranking at chance.
    6. Where the scores are not those of the forward pass, that comes before any probe of other readings.
    7. A symptom, or what a rule adds, is never a fault that a passed check rules out. A fault of the job that would have kept
       the loss at chance does not explain a poor ranking after a loss that fell.
    8. Where nothing failed but something is undecided, the fault is "undecided", and the fix says what would decide.

    Args:
        verdicts: of one run, in the order in which they were judged.
        probes: those that found something, see `what_if` and `Probe`.
        tolerant: checks whose settings are not the defaults; that they pass rules no fault out.

    Returns:
        The diagnosis; its runner-up is the next suspected fault that does not follow from it, or else what is most easily
        taken for it and has not been excluded.
    """
    evidence = Evidence(verdicts, tolerant)
    not_ok = [verdict for verdict in verdicts if not verdict.ok]
    if not not_ok:
        return None
    between = between_training_and_scoring(evidence)
    if all(verdict.status is Status.INCONCLUSIVE for verdict in not_ok) and not probes and between is None:
        return _undecided(not_ok)
    ranking = ranked(grouped(_suspicions(evidence, probes, between)), evidence)
    primary = ranking[0]
    fits_too = _alternatives(primary, between, evidence)
    return Diagnosis(
        fault=primary.fault.name,
        certainty=_certainty(primary.first, fits_too),
        cause=primary.first.cause,
        evidence=_evidence(primary),
        fix=primary.first.fix + _what_would_show(primary.first, evidence),
        explains=tuple(verdict.check for verdict in not_ok if explains(primary, verdict, evidence)),
        runner_up=_runner_up(primary, ranking[1:], evidence),
        alternatives=fits_too,
    )


def _suspicions(evidence: Evidence, probes: Sequence[Probe], between: Between | None) -> list[Suspicion]:
    found = [renamed(suspicion, evidence) for suspicion in of_verdicts(evidence.verdicts)]
    found += [
        of_probe(probe, len(evidence.verdicts) + order)
        for order, probe in enumerate(probes)
        if not _tried_on_the_model(evidence)
    ]
    found += [suspicion for rule in ADDING for suspicion in rule(evidence)]
    if between is not None:
        found = [other for other in found if not _says_less(other, evidence)] + [between.suspicion]
    return found


def _tried_on_the_model(evidence: Evidence) -> bool:
    """Whether the scores were compared with the model's own, and are others.

    That comparison reads the forward pass in each of the ways that the probes read the scores; where none of these gives the
    scores, another reading that ranks better is a coincidence of the figures.
    """
    return bool(evidence.failed("scores_match_forward_pass"))


def _says_less(suspicion: Suspicion, evidence: Evidence) -> bool:
    """A symptom that says no more than that the ranking is at chance, or goes by positions where the job's own did not."""
    if suspicion.strength is not Strength.SYMPTOM:
        return False
    learned_more_than_letters = evidence.passed("loss_below_letter_prior")
    return suspicion.fault in (NO_SIGNAL, UNDER_TRAINED) or (
        learned_more_than_letters and suspicion.fault is POSITION_PRIOR
    )


def _what_would_show(suspicion: Suspicion, evidence: Evidence) -> str:
    """After a probe: the method that is missing for the comparison which would show it."""
    comparison = evidence.of("scores_match_forward_pass")
    if not suspicion.source.startswith(PROBE) or any(
        verdict.status is not Status.NOT_APPLICABLE for verdict in comparison
    ):
        return ""
    return "".join(f" For certainty, {verdict.next_step}." for verdict in comparison if verdict.next_step)


def _alternatives(primary: Group, between: Between | None, evidence: Evidence) -> tuple[str, ...]:
    """What fits as well as a symptom."""
    if not primary.is_symptom:
        return ()
    if between is not None and between.suspicion.fault is primary.fault:
        return between.alternatives
    return fits_no_signal(evidence) if primary.fault is NO_SIGNAL else ()


def _runner_up(primary: Group, others: Sequence[Group], evidence: Evidence) -> Suspect | None:
    independent = [group for group in others if not covers(primary, group, evidence)]
    for group in ranked(independent, evidence):
        return Suspect(group.fault.name, group.first.source, group.first.cause)
    explained = {group.fault.name for group in others}
    confused = sorted(primary.fault.confused_with - explained)
    for fault in sorted(map(fault_named, confused), key=lambda record: record.stage):
        if not evidence.excludes(fault):
            return Suspect(fault.name, "", fault.what)
    return None


def _certainty(suspicion: Suspicion, alternatives: Sequence[str]) -> Certainty:
    """Seen only where an exact comparison showed it, and nothing else fits; never of what a rule inferred."""
    seen = suspicion.strength is Strength.SEEN or (suspicion.exact and not alternatives)
    if seen and not suspicion.inferred:
        return Certainty.SEEN
    return Certainty.OPEN if alternatives else Certainty.LIKELY


def _evidence(group: Group) -> tuple[str, ...]:
    """The first source's rows; where others suspect it too, each one's deciding row takes the place of the last."""
    heads = [suspicion.evidence[0] for suspicion in group.suspicions[1:] if suspicion.evidence][:2]
    rows = group.first.evidence[: MAX_EVIDENCE - len(heads)]
    return tuple(dict.fromkeys((*rows, *heads)))


def _undecided(not_ok: Sequence[Verdict]) -> Diagnosis:
    first = not_ok[0]
    others = f", nor {len(not_ok) - 1} more" if len(not_ok) > 1 else ""
    return Diagnosis(
        fault=UNDECIDED,
        certainty=Certainty.OPEN,
        cause=f"Nothing failed, but {first.check} could not be decided{others}. {first.cause}".rstrip(),
        evidence=tuple(deciding_figure(verdict) for verdict in not_ok[:MAX_EVIDENCE]),
        fix=first.next_step or "Judge on more users.",
        explains=tuple(verdict.check for verdict in not_ok),
    )
