"""Does the reranker give the same scores after saving and loading?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.comparing.letter_logits import as_vocabulary_rows, letter_ids, letter_rows
from rerank_guard.checks.comparing.probability_rows import probability_rows
from rerank_guard.checks.comparing.row_pairs import FAR_CAP, FAR_FACTOR, RowPairs, compare_rows, pair_rows
from rerank_guard.checks.saved_model._kept_change import KeptChange, kept_change
from rerank_guard.checks.saved_model._order_of_sums import ORDER_OF_SUMS
from rerank_guard.core.check import check
from rerank_guard.core.faults.saved_model import ADAPTER_INACTIVE
from rerank_guard.core.finding import Affected, Finding, Limit, Suspected, not_applicable, suspect
from rerank_guard.core.setting import Count, Positive, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import BoolArray, FloatArray, LetterTable, RankingTask
from rerank_guard.core.verdict import Measured, Status

__all__ = ["survives_reload"]

_LOST = (
    "After loading, the scores are those of the present model with its adapter switched off: the adapter's weights were not "
    "saved, or were loaded under other names and so ignored; or the present model has them twice, merged and still on.",
    "Compare the tensors in the saved file with the model's by name, load with strict=True or look at the missing and "
    "unexpected keys; and after merging, score without the adapter.",
)
_DOUBLED = (
    "After loading, the adapter changes the scores {factor:.2f} times as much (residual {residual:.2f}), which fits an adapter "
    "that is applied twice, merged into the base before saving and then loaded on top of it again; or whose alpha / rank is twice "
    "what it was.",
    "Save the adapter and the untouched base, or the merged model and no adapter, never both. A checksum of the base's tensors, "
    "and lora_alpha and r in adapter_config.json, tell which it is.",
)
_SCALED = (
    "After loading, the adapter changes the scores {factor:.2f} times as much (residual {residual:.2f}), which fits an adapter "
    "of another scaling: alpha, the rank or rslora was not saved or is not read, so that alpha / rank differs.",
    "Compare lora_alpha, r and use_rslora in the saved adapter_config.json with those of training.",
)
_ELSEWHERE = (
    "After loading, the scores changed in a way that is not the adapter's (factor {factor:.2f}, residual {residual:.2f}), which "
    "fits another base model, or a head or an embedding that was trained beside the adapter and not saved, such as an untied "
    "head.",
    "Compare the base model's revision and a checksum of each tensor before and after; save what is trained beside the adapter "
    "(modules_to_save in peft).",
)
_CHANGED = (
    "After loading, the reranker gives other scores: a part of it was not saved (adapter, embeddings, head, tokenizer, prompt "
    "settings), another checkpoint was read, or the precision or the adapter's scaling differs.",
    "Score one task before and after, and compare in turn the prompt's token ids, the adapter's configuration and each tensor.",
)

_WHICH = "With score_without_adapter() this check says which of these the numbers fit."

_Rows = Sequence[FloatArray]


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What is let pass; see `survives_reload`."""

    tolerance: float
    max_share: float
    far: float
    max_far: int
    near_base: float


@dataclass(frozen=True, slots=True)
class _Reload:
    """How the reloaded scores differ from those before saving.

    Attributes:
        pairs: the two, user by user.
        gross: (U,) whether they are far apart.
        broken: (U,) whether they are apart by more than rounding explains.
        moved: (U,) whether they are apart by more than the order of sums explains.
        from_base: mean distance of the reloaded scores from those of the base; None where these are not known.
        kept: how much of the adapter's change they have; None where the base's scores are not known.
        allowed: what is let pass.
    """

    pairs: RowPairs
    gross: BoolArray
    broken: BoolArray
    moved: BoolArray
    from_base: float | None
    kept: KeptChange | None
    allowed: _Allowed

    @property
    def near_base(self) -> float:
        """Distance from the base below which the adapter counts as lost."""
        return self.allowed.near_base * float(self.pairs.apart.mean())

    @property
    def lost(self) -> bool:
        """Whether every user's scores moved, to those of the base."""
        return self.from_base is not None and bool(self.moved.all()) and self.from_base < self.near_base

    @property
    def failed(self) -> bool:
        """Whether the scores are others."""
        many = float(self.broken.mean()) > self.allowed.max_share
        return self.lost or many or int(self.gross.sum()) > self.allowed.max_far


@check(
    stage=Stage.SAVED_MODEL,
    claim="saved and loaded, the reranker gives the same scores, up to rounding",
    can_name=(ADAPTER_INACTIVE,),
)
def survives_reload(
    rescored: Sequence[FloatArray],
    reloaded_scores: Sequence[FloatArray],
    probed_tasks: Sequence[RankingTask],
    adapter_off_scores: Sequence[FloatArray] | None = None,
    forward_logits: Sequence[FloatArray] | None = None,
    letter_table: LetterTable | None = None,
    *,
    tolerance: Share = 0.02,
    max_share: Share = 0.1,
    far_factor: Positive = FAR_FACTOR,
    far_cap: Share = FAR_CAP,
    max_far: Count = 0,
    near_base: Share = 0.2,
) -> Finding:
    """Saved and loaded, the reranker gives the same scores, up to the rounding of half precision.

    A user is broken as in `batch_invariant`: apart by more than `tolerance`, and by more than rounding explains.
    FAILED when more than `max_share` of the users are, or more than `max_far` by `far_factor` times the tolerance; also,
    where `adapter_off_scores` are given, when the reloaded scores are nearer to those of the base model than `near_base` of
    their distance from the trained ones: a weak adapter can be lost within the tolerance.

    Where it would fail, and the model's own forward pass is known, the reloaded scores are compared with that. What has
    just its probabilities was saved and loaded well: then score() has another scale than the reload, or is not the model's.
    The same order is not enough: an adapter of twice the strength ranks much as one of the right strength does.

    Args:
        rescored: one array (N_u,) a task, of any scale, before saving.
        reloaded_scores: the same, after loading.
        probed_tasks: the tasks, in the same order.
        adapter_off_scores: the same, by the base model alone; None where it is not known. Decides between the causes of a change.
        forward_logits: (V,) a task, by a plain forward pass behind its scoring prompt; None where it is not known.
        letter_table: the letters with their token ids, which are read from these logits; None where it is not known.
        tolerance: total variation distance that is put down to rounding, in [0, 1).
        max_share: share of the users up to which broken ones are let pass.
        far_factor: times the tolerance from which on a user is far apart.
        far_cap: the largest distance that this can be.
        max_far: how many users may be far apart.
        near_base: share of the distance from the scores before saving within which the reloaded ones are those of the base;
            0 lets a lost adapter pass whose change is within the tolerance.

    Returns:
        PASSED; NOT_APPLICABLE where the reloaded scores are the forward pass's; or FAILED with adapter-inactive, whose cause
        says which of these the numbers fit, where the base's scores are known: nothing of the adapter's change, twice or another
        multiple of it, or a change that is not the adapter's (`_kept_change`). A multiple is known to first order only.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have; logits that do not hold
            every letter's id.
        SettingError: a setting out of range.
    """
    allowed = _Allowed(tolerance, max_share, min(far_factor * tolerance, far_cap), max_far, near_base)
    found = _compare(rescored, reloaded_scores, adapter_off_scores, probed_tasks, allowed)
    claim = f"saved and loaded, the reranker gives the same scores to {len(probed_tasks)} users, up to rounding"
    if not found.failed:
        return _finding(found, Status.PASSED, claim)
    plain = _forward_scores(forward_logits, letter_table, probed_tasks)
    if plain is not None:
        (reloaded,) = probability_rows(reloaded_scores)
        if not _compare(plain, reloaded, None, probed_tasks, allowed).failed:
            return not_applicable(
                "the reloaded reranker scores as the trained model's plain forward pass does; score() has another scale, "
                "or is not the model's",
                "nothing where scores_match_forward_pass has passed; else fix score() first, as it says",
                claim=claim,
                measured=_figures(found),
                n=len(probed_tasks),
            )
    shown = found.broken if found.broken.any() else np.ones(len(probed_tasks), dtype=np.bool_)
    names = ("before saving", "after loading")
    rows = pair_rows(found.pairs, shown, rescored, reloaded_scores, probed_tasks, names)
    return _finding(found, Status.FAILED, claim, rows)


def _compare(
    before: _Rows, after: _Rows, base: _Rows | None, tasks: Sequence[RankingTask], allowed: _Allowed
) -> _Reload:
    pairs = compare_rows(before, after, tasks, ("scores", "scores (reloaded)"))
    gross = pairs.gross(allowed.far)
    from_base, kept = None, None
    if base is not None:
        to_base = compare_rows(after, base, tasks, ("scores (reloaded)", "scores without the adapter"))
        from_base = float(to_base.apart.mean())
        kept = kept_change(before, after, base)
    return _Reload(
        pairs=pairs,
        gross=gross,
        broken=pairs.beyond_noise(allowed.tolerance) | gross,
        moved=pairs.beyond_order_of_sums(ORDER_OF_SUMS),
        from_base=from_base,
        kept=kept,
        allowed=allowed,
    )


def _forward_scores(
    logits: _Rows | None, letters: LetterTable | None, tasks: Sequence[RankingTask]
) -> list[FloatArray] | None:
    """The probabilities of the letters by the forward pass; None where it or a letter's token is not known."""
    if logits is None or letters is None:
        return None
    lengths = [task.n_candidates for task in tasks]
    ids = letter_ids(letters, max(lengths))
    if ids is None:
        return None
    vocabulary = as_vocabulary_rows(logits, len(tasks), max(ids))
    return probability_rows(letter_rows(vocabulary, ids, lengths))[0]


def _finding(found: _Reload, status: Status, claim: str, rows: tuple[str, ...] = ()) -> Finding:
    limits = [
        Limit("share_of_users_broken", "<=", found.allowed.max_share),
        Limit("users_far_apart", "<=", found.allowed.max_far),
    ]
    if found.from_base is not None and found.moved.all():
        limits.append(Limit("mean_distance_from_base", ">=", found.near_base))
    n = len(found.broken)
    return Finding(
        status,
        claim=claim,
        measured=_figures(found),
        limits=tuple(limits),
        n=n,
        evidence=rows,
        suspects=(_suspected(found),) if status is Status.FAILED else (),
        affected=Affected(n if found.lost else int(found.broken.sum()), n),
    )


def _figures(found: _Reload) -> dict[str, Measured]:
    figures: dict[str, Measured] = {
        "share_of_users_broken": float(found.broken.mean()),
        "users_far_apart": int(found.gross.sum()),
        "mean_distance": float(found.pairs.apart.mean()),
        "largest_distance": float(found.pairs.apart.max()),
        "users_with_another_first": int(found.pairs.top_changed.sum()),
    }
    if found.from_base is not None:
        figures["mean_distance_from_base"] = found.from_base
    if found.kept is not None:
        figures["change_kept"] = found.kept.factor
        figures["change_residual"] = found.kept.residual
    return figures


def _suspected(found: _Reload) -> Suspected:
    cause, fix = _words(found)
    kept = found.kept
    return suspect(
        ADAPTER_INACTIVE,
        cause if kept is None else cause.format(factor=kept.factor, residual=kept.residual),
        fix,
    )


def _words(found: _Reload) -> tuple[str, str]:
    kept = found.kept
    if kept is None:
        return _CHANGED if found.from_base is not None else (_CHANGED[0], f"{_CHANGED[1]} {_WHICH}")
    if kept.is_scaled:
        return _SCALED
    if found.lost or kept.is_lost:
        return _LOST
    if kept.is_doubled:
        return _DOUBLED
    return _ELSEWHERE if kept.goes_elsewhere else _CHANGED
