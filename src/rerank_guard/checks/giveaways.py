"""Does the look of a candidate's text alone tell the target, whatever it says?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rerank_guard.checks._settings import require_settings, require_tasks
from rerank_guard.checks.slots import distinct_tasks
from rerank_guard.errors import RerankGuardError
from rerank_guard.stats.bets import log_e_value_above, p_value_of
from rerank_guard.types import FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Measured, Status, Verdict

__all__ = ["check_no_surface_giveaway"]

_CLAIM = "no surface feature of the text tells the target among the candidates"
_CAUSE = (
    "The target's text was written by another code path than the negatives' (another column, a cut, a stripped year, a "
    "marker, other case or white space), so a model can find it without reading what it says."
)
_NEXT = (
    "Render every item's text once, in one table, and take target and negatives from it; compare the texts above as they "
    "go into the prompt. If the feature is part of what the item is, draw negatives that have it too."
)
_CHUNK = 500
_LAST_MEAN = 0.95

_COUNTED: dict[str, Callable[[str], float]] = {
    "length in characters": len,
    "number of words": lambda text: len(text.split()),
    "number of digits": lambda text: sum(char.isdigit() for char in text),
    "share of upper case": lambda text: sum(char.isupper() for char in text) / max(1, len(text)),
    "amount of punctuation": lambda text: sum(unicodedata.category(char)[0] in "PS" for char in text),
    "share of non-ASCII characters": lambda text: sum(ord(char) > 127 for char in text) / max(1, len(text)),
    "white space around the text": lambda text: len(text) - len(text.strip()),
    "white space within, beyond single spaces": lambda text: len(text.strip()) - len(" ".join(text.split())),
    "invisible characters": lambda text: sum(unicodedata.category(char) in ("Cc", "Cf") for char in text),
}
_ODD: dict[str, Callable[[str], str]] = {
    "odd one out in shape": lambda text: _shape(text),
    "odd one out in its first character's kind": lambda text: _kind(text[:1]),
    "odd one out in its last character's kind": lambda text: _kind(text[-1:]),
}


class _Finding(NamedTuple):
    """One feature, one direction, one of the two figures."""

    p_value: float
    deviation: float
    feature: str
    figure: str
    value: float
    allowed: float
    column: int


def check_no_surface_giveaway(tasks: Sequence[RankingTask], *, alpha: float = 1e-6, most: float = 0.25) -> Verdict:
    """The target cannot be picked by how its text looks.

    Surface features: length in characters and in words, digits, share of upper case, punctuation, share of non-ASCII
    characters, white space around and within, invisible characters, and how few of the other candidates have a text of
    the same shape ("Aa (9)" for "Toy Story (1995)"), first or last character. For each, in either direction, two figures:

    - the mean percentile of the target among its other candidates, ties counted half: 1/2 where the target looks like the
      others;
    - how often the target alone is the extreme one: at most 1/N where it looks like the others. This shows a mark that
      only a part of the targets bears.

    Popular films may have shorter titles and a genre its own typography, so a difference alone fails nothing. FAILED is
    for a figure that is above 1/2 + `most`, or 1/N + `most`, beyond doubt: the bet (`stats.bets`) on "at most that"
    reaches (number of figures)/alpha. Values are first averaged over the users of the same target, and the bet is on these
    averages: a hundred users of one short title are one item that has a short title. So some 65 different targets are
    needed to show that a feature always tells the target, and some 15 where it alone is the extreme one (N=20).

    Users whose target is not listed exactly once are left out; identical tasks count once.

    Args:
        tasks: the tasks to judge, at least one.
        alpha: how often a list may be failed in which every figure is within what `most` allows.
        most: how far a figure may be from that of an inconspicuous target, in (0, 0.5).

    Returns:
        FAILED with surface-giveaway; PASSED where that was not shown; NOT_APPLICABLE without a listed target.

    Raises:
        InvalidTaskError: no tasks.
        RerankGuardError: alpha or most out of range.
    """
    require_settings(alpha)
    if not 0.0 < most < 0.5:
        raise RerankGuardError(f"most={most!r} leaves nothing to fail or to pass; give a number inside (0, 0.5).")
    require_tasks(tasks)
    kept = [task for task in distinct_tasks(tasks) if task.candidate_ids.count(task.target_id) == 1]
    if not kept:
        return Verdict(
            check="no_surface_giveaway",
            status=Status.NOT_APPLICABLE,
            claim=_CLAIM,
            measured={},
            threshold={},
            n=0,
            cause="no task lists its target once, so there is no text to compare with the others",
            next_step="see gt_in_candidates: put the target among the candidates",
        )
    below, tied, lengths = _standing(kept)
    findings = list(_findings(kept, below, tied, lengths, most))
    worst = min(findings, key=lambda finding: (finding.p_value, -finding.deviation))
    p_value = min(1.0, worst.p_value * len(findings))
    failed = p_value <= alpha
    measured: dict[str, Measured] = {
        worst.figure: worst.value,
        "feature": worst.feature,
        "p_value": p_value,
        "different_targets": len({task.target_id for task in kept}),
    }
    return Verdict(
        check="no_surface_giveaway",
        status=Status.FAILED if failed else Status.PASSED,
        claim=_CLAIM,
        measured=measured,
        threshold={worst.figure: worst.allowed, "p_value": alpha},
        n=len(kept),
        evidence=_rows(kept, worst, below, tied, lengths) if failed else (),
        cause=f"{worst.feature}: {worst.figure} {worst.value:.2f}. {_CAUSE}" if failed else "",
        next_step=_NEXT if failed else "",
        fault="surface-giveaway" if failed else None,
        p_failed=p_value,
    )


def _findings(
    tasks: Sequence[RankingTask], below: IntArray, tied: IntArray, lengths: IntArray, most: float
) -> Iterator[_Finding]:
    """Every feature in both directions by both figures. below, tied: (U, F) others that have less of it, and as much."""
    _, item = np.unique(np.array([task.target_id for task in tasks]), return_inverse=True)
    users = np.bincount(item)

    def by_item(values: FloatArray) -> FloatArray:
        averaged = np.bincount(item, weights=values) / users
        return np.asarray(np.clip(averaged, 0.0, 1.0), dtype=np.float64)  # sums of thirds may pass 1 by rounding

    others = lengths - 1
    alone_allowed = np.minimum(by_item(1.0 / lengths) + most, _LAST_MEAN)
    for column, feature in enumerate((*_COUNTED, *_ODD)):
        less, same = below[:, column], tied[:, column]
        for direction, fewer in (("most", less), ("least", others - less - same)):
            percentile, alone = by_item((fewer + 0.5 * same) / others), by_item(fewer == others)
            for figure, values, allowed in (
                (f"mean_percentile_of_target_by_{direction}", percentile, np.full(len(users), 0.5 + most)),
                (f"share_where_target_alone_has_{direction}", alone, alone_allowed),
            ):
                mean, limit = float(values.mean()), float(allowed.mean())
                p_value = p_value_of(log_e_value_above(values, allowed))
                yield _Finding(p_value, mean - limit, feature, figure, mean, limit, column)


def _standing(tasks: Sequence[RankingTask]) -> tuple[IntArray, IntArray, IntArray]:
    """(U, F), (U, F), (U,) int64: how many other candidates have less of each feature, and as much; N."""
    texts: dict[str, int] = {}
    rows = [[texts.setdefault(item.text, len(texts)) for item in task.candidates] for task in tasks]
    counted = np.array([[count(text) for count in _COUNTED.values()] for text in texts], dtype=np.float64)
    kinds = np.stack([_codes([kind(text) for text in texts]) for kind in _ODD.values()], axis=1)
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    slots = np.array([task.candidate_ids.index(task.target_id) for task in tasks], dtype=np.int64)
    below = np.zeros((len(tasks), len(_COUNTED) + len(_ODD)), dtype=np.int64)
    tied = np.zeros_like(below)
    for n in np.unique(lengths).tolist():
        users = np.flatnonzero(lengths == n)
        for start in range(0, len(users), _CHUNK):
            part = users[start : start + _CHUNK]
            index = np.array([rows[user] for user in part.tolist()], dtype=np.int64)  # (users, N)
            kind = kinds[index]  # (users, N, kinds)
            alike = (kind[:, :, None, :] == kind[:, None, :, :]).sum(axis=2)
            values = np.concatenate([counted[index], -alike.astype(np.float64)], axis=2)  # more is odder
            target = values[np.arange(len(part)), slots[part]][:, None, :]
            below[part] = (values < target).sum(axis=1)
            tied[part] = (values == target).sum(axis=1) - 1
    return below, tied, lengths


def _codes(labels: Sequence[str]) -> IntArray:
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(label, len(seen)) for label in labels], dtype=np.int64)


def _shape(text: str) -> str:
    """The text with its letters and digits by kind, and runs of words as one: "Toy Story (1995)" is "Aa (9)"."""
    if text.isascii():
        kinds = re.sub(r"[0-9]+", "9", re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]", "A", text)))
    else:
        kinds = re.sub(r"([a9x])\1+", r"\1", "".join(map(_kind, text)))
    kinds = re.sub(r"AA+", "AA", kinds)
    return re.sub(r"(?:Aa|AA|A|a|x)(?: (?:Aa|AA|A|a|x)(?=\W|$))+", _words, kinds)


def _words(match: re.Match[str]) -> str:
    """A run of words by whether they begin small, are all capitals, or neither."""
    words = match.group().split(" ")
    if all(word == "a" for word in words):
        return "a"
    return "AA" if all(word in ("AA", "A") for word in words) else "Aa"


def _kind(char: str) -> str:
    """A for a capital, a for a small letter, x for a letter without case, 9 for a digit, else the character itself."""
    if char.isalpha():
        return "A" if char.isupper() else "a" if char.islower() else "x"
    return "9" if char.isdigit() else char


def _rows(
    tasks: Sequence[RankingTask], worst: _Finding, below: IntArray, tied: IntArray, lengths: IntArray
) -> tuple[str, ...]:
    """The users where the target stands out most, with the text of one other candidate."""
    less, same = below[:, worst.column], tied[:, worst.column]
    fewer = less if worst.figure.endswith("most") else lengths - 1 - less - same
    first = np.argsort(-(fewer / (lengths - 1)), kind="stable")[:MAX_EVIDENCE]
    rows = []
    for user in first.tolist():
        task = tasks[user]
        slot = task.candidate_ids.index(task.target_id)
        target, other = task.candidates[slot].text, task.candidates[0 if slot else 1].text
        sign = "less" if worst.figure.endswith("most") else "more"
        rows.append(
            f"query {task.query_id!r}: target {target[:60]!r} at slot {slot}, {fewer[user]} of {lengths[user] - 1} others "
            f"have {sign}, such as {other[:60]!r}"
        )
    return tuple(rows)
