"""Runs as patterns of verdicts: which checks fail under a fault, and under which name each of them does."""

from __future__ import annotations

from dataclasses import replace

from rerank_guard.verdict import Interval, Status, Verdict

__all__ = ["ALL", "EXACT", "pattern"]

EXACT = (
    "gt_in_candidates",
    "training_gt_in_candidates",
    "no_history_leak",
    "split_disjoint",
    "no_future_training_data",
    "titles_tell_apart",
    "letter_tokens_found",
    "prompt_complete",
    "letter_read_last",
    "prompts_match",
    "prompt_blind_to_target",
    "prompt_not_forged",
    "only_letter_supervised",
    "training_planned",
    "one_batch_learned",
    "config_obeyed",
    "weights_moved",
    "loss_recorded_per_letter",
    "scores_well_formed",
    "scores_deterministic",
    "batch_invariant",
    "scores_match_reference",
    "letter_mass",
    "adapter_active",
    "survives_reload",
    "reported_metrics",
    "users_accounted_for[K=20]",
)

ALL = (
    *EXACT[:5],
    "target_slots_even",
    "training_target_slots_even",
    "titles_tell_apart",
    "no_surface_giveaway",
    *EXACT[6:18],
    "loss_below_random",
    "loss_below_letter_prior",
    "scores_well_formed",
    "no_order_fallback",
    *EXACT[19:25],
    "probabilities_not_uniform",
    "permutation_equivariant",
    "calibrated",
    "ranking_carries_over",
    "reported_metrics",
    "recall_even_by_slot[K=20]",
    "recall_beats_baseline[K=5]",
    "recall_beats_baseline[K=20]",
    "users_accounted_for[K=20]",
    "no_regression[K=20]",
    "recall_within_ceiling[K=20]",
    "throughput",
)
"""The suite's checks in its order, for a target with every method."""

LEARNED = {"letter_nll": 1.5, "gain": 2.4, "log10_e_value": 40.0, "optimizer_steps": 300, "planned_steps": 300}
STUCK = {"letter_nll": 3.92, "gain": -0.01, "log10_e_value": 0.1, "optimizer_steps": 300, "planned_steps": 300}
LOSS_THRESHOLD = {"chance_letter_nll": 3.912, "gain": 0.098, "log10_e_value": 3.0}


def pattern(
    failed: dict[str, str | None],
    *,
    inconclusive: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
    only: tuple[str, ...] | None = None,
    statistical: tuple[str, ...] = (),
    measured: dict[str, dict[str, float]] | None = None,
    threshold: dict[str, dict[str, float]] | None = None,
) -> list[Verdict]:
    """Verdicts in suite order.

    Args:
        failed: check to the fault it names; a family stands for all of its cutoffs.
        inconclusive: families that could not decide.
        missing: families that were not applicable.
        only: families that apply; all by default.
        statistical: checks that are exact by default, but gave a p-value here.
        measured, threshold: figures of a family, added to its own.
    """
    verdicts = []
    for check in ALL:
        family = check.partition("[")[0]
        name = check if check in failed else family
        status = Status.PASSED
        if (only is not None and family not in only) or family in missing:
            status = Status.NOT_APPLICABLE
        elif name in failed:
            status = Status.FAILED
        elif family in inconclusive:
            status = Status.INCONCLUSIVE
        exact = (check in EXACT and check not in statistical) or failed.get(name) in _EXACT_NAMES.get(family, ())
        verdict = Verdict(
            check=check,
            status=status,
            claim=f"{family} holds",
            measured={} if status is Status.NOT_APPLICABLE else {"figure": 3, **(measured or {}).get(family, {})},
            threshold={"figure": 0, **(threshold or {}).get(family, {})},
            n=300,
            evidence=(f"a row of {family}",) if status is Status.FAILED else (),
            cause=f"{family} says {failed[name]}" if status is Status.FAILED else "",
            next_step=f"repair {failed[name]}" if status is Status.FAILED else "",
            fault=failed[name] if status is Status.FAILED else None,
            p_failed=None if exact else (1e-9 if status is Status.FAILED else 1.0),
        )
        verdicts.append(_with_figures(verdict, family))
    return verdicts


_EXACT_NAMES = {
    "loss_below_random": ("no-trainable-parameters", "not-trained", "silent-nan", "no-update"),
    "probabilities_not_uniform": ("silent-fallback",),
}


def _with_figures(verdict: Verdict, family: str) -> Verdict:
    if family == "loss_below_random":
        figures = LEARNED if verdict.status is Status.PASSED else STUCK
        return replace(
            verdict, measured={**figures, **verdict.measured}, threshold={**LOSS_THRESHOLD, **verdict.threshold}
        )
    if family == "recall_beats_baseline":
        recall = 0.8 if verdict.status is Status.PASSED else 0.406
        return replace(
            verdict,
            claim="over 300 users Recall@20 of 50 candidates is better than chance (0.400)",
            measured={"recall": recall, **verdict.measured},
            threshold={"chance": 0.4, "effect": 0.05, **verdict.threshold},
            interval=Interval(recall - 0.08, recall + 0.08, 0.998, "confidence sequence"),
        )
    return verdict
