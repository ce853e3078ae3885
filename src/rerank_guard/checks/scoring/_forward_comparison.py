"""The scores of a few tasks beside the logits of a forward pass: which match, and what the others are instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from rerank_guard.checks.comparing.agreement import DISCORDANT, TIED, Agreement, agreement
from rerank_guard.checks.comparing.filled_in import filled_in
from rerank_guard.checks.comparing.letter_logits import as_vocabulary_rows, letter_rows
from rerank_guard.checks.comparing.score_shapes import shape_fault
from rerank_guard.checks.scoring._token_search import are_read_at, tokens_that_fit
from rerank_guard.checks.scoring._wrong_readings import Reading, wrong_readings
from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.faults.scoring import SCORE_SCALE_WRONG, SCORES_NOT_FROM_MODEL, SILENT_FALLBACK
from rerank_guard.core.faults.training import SILENT_NAN
from rerank_guard.core.types import BoolArray, FloatArray, LetterTable

__all__ = ["Comparison", "Named", "Observed", "compare", "what_they_are"]

_MOST = 0.9
_FEWEST_BY_ORDER = 5
_BETTER_BY = 0.3
_SEARCHED_DISCORDANT = 0.02
_SWAPPED_IN = 0.1
_NOTHING_LEFT = 0.01

_DOUBLED = 0.01
"""Share of their range within which scores are the sigmoid of a sigmoid."""

_LEVEL = 1e-6
"""Logits so large that their sigmoids are level this near show nothing."""


@dataclass(frozen=True, slots=True)
class Named:
    """What scores are that are not those of the forward pass: the fault, and it in words."""

    fault: Fault
    says: str


@dataclass(frozen=True, slots=True)
class Observed:
    """The scores that are judged, and by what.

    Attributes:
        rows: one array (N_u,) a task.
        letters: the letters in the order of the positions.
        ids: the in-context ids of as many letters as the longest list needs.
        tolerance: total variation distance that is put down to rounding.
        max_share: largest share of tasks that may not match.
        max_discordant, max_tied: shares of a matching task's clear pairs that may be in the other order, or level.
        far, far_discordant: distance and share of swapped pairs above which, both, a task is far off.
        max_far: how many tasks may be far off.
        much_nearer: share of the right reading's distance within which another one is taken for what was read.
    """

    rows: Sequence[FloatArray]
    letters: LetterTable
    ids: Sequence[int]
    tolerance: float
    max_share: float
    max_discordant: float = DISCORDANT
    max_tied: float = TIED
    far: float = 0.25
    far_discordant: float = 0.1
    max_far: int = 0
    much_nearer: float = 0.2

    def matched(self, fit: Agreement) -> BoolArray:
        """(U,) tasks that a reading explains."""
        return fit.matched(self.tolerance, self.max_discordant, self.max_tied)

    @property
    def lengths(self) -> list[int]:
        """(U,) N of each task."""
        return [len(row) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scores of U tasks beside the logits of one forward pass.

    Attributes:
        vocabulary: one array (V,) a task, the logits.
        plain: one array (N_u,) a task, those at the letters.
        fit: how these agree with the scores.
        unmatched: (U,) tasks whose scores are not those of the forward pass.
        gross: (U,) tasks whose scores are far off.
        readings: other ways to read the same model.
        fits: how each of these agrees with the scores.
    """

    vocabulary: Sequence[FloatArray]
    plain: Sequence[FloatArray]
    fit: Agreement
    unmatched: BoolArray
    gross: BoolArray
    readings: Sequence[Reading]
    fits: Sequence[Agreement]

    @property
    def distance(self) -> float:
        """The mean total variation distance."""
        return float(self.fit.apart.mean())

    @property
    def discordant(self) -> float:
        """The mean share of clear pairs that are in the other order."""
        return float(self.fit.discordant.mean())

    def nearest(self) -> str:
        """The three readings that come nearest, with their distances."""
        order = np.argsort([float(fit.apart.mean()) for fit in self.fits], kind="stable")[:3].tolist()
        return "; ".join(f"{self.readings[i].says}: {self.fits[i].apart.mean():.3f}" for i in order)


def compare(
    observed: Observed, logits: Sequence[FloatArray], earlier: Mapping[int, Sequence[FloatArray]] | None = None
) -> Comparison:
    """Compare scores with a forward pass and with the usual misreadings of it.

    Args:
        observed: the scores.
        logits: one array (V,) a task: the whole vocabulary's logits behind the prompt's last token.
        earlier: offset to logits taken so many token positions after (below 0: before) the right one.

    Raises:
        InvalidScoresError: not one row of logits a task, too short for a letter's id, or not finite at a letter.
    """
    rows, lengths = observed.rows, observed.lengths
    vocabulary = _finite_at_letters(logits, observed)
    plain = letter_rows(vocabulary, observed.ids, lengths)
    fit = agreement(rows, plain)
    readings = list(wrong_readings(vocabulary, observed.letters, lengths, earlier or {}))
    return Comparison(
        vocabulary=vocabulary,
        plain=plain,
        fit=fit,
        unmatched=~observed.matched(fit) | np.array([bool(np.isnan(row).any()) for row in rows]),
        gross=(fit.apart > observed.far) & (fit.discordant > observed.far_discordant),
        readings=readings,
        fits=[agreement(rows, reading.rows) for reading in readings],
    )


def what_they_are(observed: Observed, seen: Comparison) -> Named | None:
    """What the scores are instead; None where they are those of the forward pass."""
    if seen.distance > observed.tolerance:
        everyone = np.ones(len(observed.rows), dtype=np.bool_)
        if named := _by_distance(seen.readings, seen.fits, seen.fit, everyone, observed):
            return named
    if float(seen.unmatched.mean()) <= observed.max_share and int(seen.gross.sum()) <= observed.max_far:
        return _by_scale(observed, seen) or _filled_in_beside(observed, seen)
    if any(np.isnan(row).any() for row in observed.rows):
        return Named(SILENT_NAN, "not numbers, for some tasks")
    return (
        _by_distance(seen.readings, seen.fits, seen.fit, seen.unmatched, observed)
        or _by_shape(observed, seen)
        or _by_search(observed, seen)
        or _by_order(observed, seen)
        or Named(SCORES_NOT_FROM_MODEL, "not those of any usual misreading of one either")
    )


def _by_scale(observed: Observed, seen: Comparison) -> Named | None:
    """Scores in the right order that are, number for number, a sigmoid of the sigmoid of the logits."""
    scores, logits = np.concatenate(list(observed.rows)), np.concatenate(list(seen.plain))
    twice = expit(expit(logits))
    if float(np.ptp(twice)) <= _LEVEL or not bool((np.abs(scores - twice) <= _DOUBLED * np.ptp(twice)).all()):
        return None
    return Named(
        SCORE_SCALE_WRONG, "in its order, but a sigmoid was applied twice, so that all lie between 0.5 and 0.73"
    )


def _filled_in_beside(observed: Observed, seen: Comparison) -> Named | None:
    """A value that is filled in where nearly all tasks match: one of many letters moves few pairs, and few flat probabilities.

    Only where clear pairs are swapped in a tenth of the tasks, and nothing of that is left without what was filled in.
    """
    if float((seen.fit.discordant > 0.0).mean()) < _SWAPPED_IN or any(np.isnan(row).any() for row in observed.rows):
        return None
    says = filled_in(observed.rows, seen.plain, observed.tolerance, _NOTHING_LEFT)
    return None if says is None else Named(SILENT_FALLBACK, f"{says}, and those of the forward pass for the others")


def _by_distance(
    readings: Sequence[Reading], fits: Sequence[Agreement], plain: Agreement, among: BoolArray, observed: Observed
) -> Named | None:
    """The reading that comes within the tolerance, and much nearer than the right one, for these tasks."""
    right = float(plain.apart[among].mean())
    best = min(range(len(fits)), key=lambda i: float(fits[i].apart[among].mean()))
    distance = float(fits[best].apart[among].mean())
    if distance > min(observed.tolerance, observed.much_nearer * right):
        return None
    return Named(readings[best].fault, readings[best].says)


def _by_shape(observed: Observed, seen: Comparison) -> Named | None:
    shape = shape_fault(observed.rows, seen.plain, seen.fit, seen.unmatched, observed.tolerance)
    return None if shape is None else Named(*shape)


def _by_search(observed: Observed, seen: Comparison) -> Named | None:
    """Tokens of the whole vocabulary whose logits give the scores, letter by letter and in order: some come near by chance."""
    tokens = tokens_that_fit(observed.rows, seen.vocabulary)
    # two letters that are read at one token are letter_tokens_found's to report
    if (
        tokens is None
        or len(set(tokens)) < len(tokens)
        or not are_read_at(observed.rows, seen.vocabulary, observed.ids, tokens)
    ):
        return None
    shown = ", ".join(map(str, tokens[:5]))
    says = f"the logits at other tokens than the letters' (ids {shown}{', ...' * (len(tokens) > 5)})"
    closest = agreement(observed.rows, letter_rows(seen.vocabulary, tokens, observed.lengths))
    in_order = float((closest.discordant <= _SEARCHED_DISCORDANT).mean()) >= _MOST
    if in_order and float(closest.apart.mean()) <= min(observed.tolerance, seen.distance):
        return Named(WRONG_LETTER_VARIANT, says)
    return None


def _by_order(observed: Observed, seen: Comparison) -> Named | None:
    """The reading whose order most tasks have, and many more than have the right one."""
    if len(observed.rows) < _FEWEST_BY_ORDER:
        return None
    shares = [float(observed.matched(fit).mean()) for fit in seen.fits]
    best = int(np.argmax(shares))
    if shares[best] < max(_MOST, 1.0 - float(seen.unmatched.mean()) + _BETTER_BY):
        return None
    return Named(seen.readings[best].fault, f"in the order of {seen.readings[best].says}")


def _finite_at_letters(logits: Sequence[FloatArray], observed: Observed) -> list[FloatArray]:
    rows = as_vocabulary_rows(logits, len(observed.rows), max(observed.ids))
    for index, (row, n) in enumerate(zip(rows, observed.lengths, strict=True)):
        in_use = row[np.asarray(observed.ids[:n])]
        if not np.isfinite(in_use).all():
            raise InvalidScoresError(
                f"the logits of row {index} are {in_use[~np.isfinite(in_use)][0]} at a letter; scores cannot be compared with a "
                "forward pass that gives no numbers: look for NaN weights, and run it in float32."
            )
    return rows
