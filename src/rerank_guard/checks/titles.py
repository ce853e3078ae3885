"""Do the candidates' texts tell the candidates apart?"""

from __future__ import annotations

import math
import unicodedata
from collections import defaultdict
from collections.abc import Sequence, Set
from functools import lru_cache

from rerank_guard.checks._settings import require_tasks
from rerank_guard.errors import RerankGuardError
from rerank_guard.types import Item, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_titles_agree", "check_titles_tell_apart", "few_bearers", "namesakes_tolerated", "shown_text"]

_FEWEST_HISTORY_ITEMS = 3
_FEWEST_NAMESAKES = 2
_STANDARD_ERRORS = 3.0
_MOST_BEARERS = 3
_CONTROLS = 4
_FEWEST_DIFFERING = 2

_EXPLANATIONS = {
    "target_blank": (
        "The target's text is empty: its title is missing from the catalogue, or the join of items and titles lost it.",
        "Look the item ids above up in the table of titles; compare the ids' type and padding in both tables.",
    ),
    "candidates_alike": (
        "Most candidates of a task are shown under the same text or under none: a placeholder, a wrong column, or one "
        "item's text written to all.",
        "Print one task's candidates; check the column that Item.text is read from, and what fills its gaps.",
    ),
    "negatives_blank": (
        "More than a quarter of the negatives have no text and the target has one, so that they are no choice: their "
        "titles come by another join than the target's.",
        "Look the negatives' item ids up in the table of titles; take target and negatives from the same one.",
    ),
    "history_alike": (
        "The items of a history have no text, or all the same one, so the model is told nothing about the user.",
        "Fill the history's texts from the same table of titles as the candidates'.",
    ),
    "target_has_namesake": (
        "The target is shown under the same text as another candidate, so that no model can tell which is right: titles "
        "were cut short, or lack what tells variants apart.",
        "Add what differs to the text (year, artist, size), do not cut it, and merge items that are the same thing.",
    ),
    "negatives_listed_twice": (
        "The same thing is listed twice under two ids (padded, re-imported, of two sources): what removed the repeats went "
        "by id. With fewer than N different candidates, chance is not K/N.",
        "Bring ids to one form before candidates are joined; remove repeats by what is shown, too.",
    ),
}
_BY_CHANCE = ("target_has_namesake", "negatives_listed_twice")


def check_titles_tell_apart(tasks: Sequence[RankingTask], *, most: float = 0.01) -> Verdict:
    """Targets have a text of their own, and the candidates' texts differ.

    A user is broken, under the first of these that holds, where

    - candidates_alike: fewer than half of the different candidates have a text of their own;
    - target_blank: the target's text shows nothing (empty, or only white space and invisible characters);
    - negatives_blank: the same of more than a quarter of the candidates, and not of the target;
    - history_alike: no item of a non-empty history has a text, or three or more different items share one;
    - target_has_namesake: another candidate, of another item id, has the target's text;
    - negatives_listed_twice: two negatives of different ids have the same text, one that at most three ids of all have (of
      more it is a placeholder, or a common name). This one is named duplicate-candidates.

    Texts are compared without regard to case and to the amount of white space. Only equal texts are alike: "item 1" and
    "item 2" differ, "N/A" and "n/a " do not. No statistics, but for a tolerance: catalogues do hold a few films of the
    same name, so each of the last two kinds fails only from two users on, and where it exceeds `most` of n users by three
    standard errors, sqrt(most * n) each. For negatives_listed_twice, in place of `most`, the share of pairs of other users
    in which the one's candidates meet those of the other so, where that is more.

    Args:
        tasks: the tasks to judge, at least one.
        most: largest share of broken users that is tolerated, in [0, 1).

    Returns:
        PASSED, or FAILED with degenerate-titles (duplicate-candidates) and the commonest kind as the cause.

    Raises:
        InvalidTaskError: no tasks.
        RerankGuardError: most out of range.
    """
    require_tasks(tasks)
    if not 0.0 <= most < 1.0:
        raise RerankGuardError(f"most={most!r} is not a share; give a number from 0 to below 1, such as 0.01.")
    rows: dict[str, list[str]] = {kind: [] for kind in _EXPLANATIONS}
    rare = few_bearers(tasks)
    others = []
    for task in tasks:
        if found := _broken(task) or _listed_twice(task, rare):
            rows[found[0]].append(found[1])
        else:
            others.append(task)
    n, counts = len(tasks), {kind: len(found) for kind, found in rows.items()}
    broken = sum(counts.values())
    tolerated = {
        "target_has_namesake": namesakes_tolerated(n, most),
        "negatives_listed_twice": namesakes_tolerated(n, max(most, _met_by_chance(others, rare))),
    }
    certain = broken - sum(counts[kind] for kind in _BY_CHANCE) > most * n
    failing = [kind for kind in counts if (counts[kind] > tolerated[kind] if kind in tolerated else certain)]
    failed = bool(failing)
    worst = max(failing, key=lambda kind: counts[kind], default="")
    kinds = [rows[kind] for kind in sorted(rows, key=lambda kind: (kind != worst, -counts[kind])) if rows[kind]]
    cause, next_step = _EXPLANATIONS[worst] if failed else ("", "")
    fault = "duplicate-candidates" if worst == "negatives_listed_twice" else "degenerate-titles"
    return Verdict(
        check="titles_tell_apart",
        status=Status.FAILED if failed else Status.PASSED,
        claim=f"the candidates' texts of {n} users tell the target from the others, for all but {most:.1%} of them",
        measured={"broken_share": broken / n, "broken_users": broken, **counts},
        threshold={"broken_share": most, **{kind: math.floor(count) for kind, count in tolerated.items()}},
        n=n,
        evidence=tuple(
            ([found[0] for found in kinds] + [row for found in kinds for row in found[1:]])[:MAX_EVIDENCE]
        )
        if failed
        else (),
        cause=cause,
        next_step=next_step,
        fault=fault if failed else None,
    )


def check_titles_agree(
    test: Sequence[RankingTask], training: Sequence[RankingTask], *, most: float = 0.01
) -> Verdict:
    """An item that is a negative in both splits is shown under the same text in both.

    Exact, by item_id, of the items that have one text in all of test and one in all of training: texts that change with the
    user or with time are no mark of a broken join. Negatives are held against negatives, since what singles out the
    targets is no_surface_giveaway's. Case and white space count: the model sees them.

    Args:
        test: the tasks that are tested on, at least one.
        training: the tasks that were trained on, at least one.
        most: largest share of differing items that is tolerated, in [0, 1).

    Returns:
        PASSED, or FAILED with degenerate-titles where two items or more, and more than that share of them, differ.

    Raises:
        InvalidTaskError: no training or no test tasks.
    """
    require_tasks(test)
    require_tasks(training)
    tested, trained = _negatives_texts(test), _negatives_texts(training)
    both = [item_id for item_id in tested if item_id in trained]
    differing = [item_id for item_id in both if tested[item_id] != trained[item_id]]
    failed = len(differing) >= max(_FEWEST_DIFFERING, most * len(both) + 1e-9)
    return Verdict(
        check="titles_tell_apart",
        status=Status.FAILED if failed else Status.PASSED,
        claim=f"{len(both)} items that are negatives in both splits have the same text in both, for all but {most:.1%}",
        measured={"differing_share": len(differing) / max(1, len(both)), "differing_items": len(differing)},
        threshold={"differing_share": most},
        n=len(both),
        evidence=tuple(
            f"item {item_id!r} reads {_cut(tested[item_id])} in test and {_cut(trained[item_id])} in training"
            for item_id in differing[:MAX_EVIDENCE]
        )
        if failed
        else (),
        cause="Test and training join ids and titles in different ways: another version of the table, ids counted anew, or "
        "a text that is normalised in one of them only."
        if failed
        else "",
        next_step="Make one table of id and text, and take the texts of both splits from it." if failed else "",
        fault="degenerate-titles" if failed else None,
    )


def _negatives_texts(tasks: Sequence[RankingTask]) -> dict[str, str]:
    """The text of each negative that has only one."""
    texts: dict[str, set[str]] = defaultdict(set)
    for task in tasks:
        for item in task.candidates:
            if item.item_id != task.target_id:
                texts[item.item_id].add(item.text)
    return {item_id: next(iter(found)) for item_id, found in texts.items() if len(found) == 1}


def _broken(task: RankingTask) -> tuple[str, str] | None:
    """What is wrong with the task's texts, and the row that shows it."""
    who = f"query {task.query_id!r}:"
    shown = {item.item_id: shown_text(item.text) for item in task.candidates}
    distinct = len(set(shown.values()) - {""})
    if 2 * distinct < len(shown):
        example = next(item.text for item in task.candidates)
        return (
            "candidates_alike",
            f"{who} {distinct} different texts for {len(shown)} candidates, such as {_cut(example)}",
        )
    target = shown.get(task.target_id)
    if target == "":
        slot = task.candidate_ids.index(task.target_id)
        text = task.candidates[slot].text
        return "target_blank", f"{who} target {task.target_id!r} at slot {slot} has the text {_cut(text)}"
    if target is not None and 4 * sum(text == "" for text in shown.values()) > len(shown):
        slot, item = next((slot, item) for slot, item in enumerate(task.candidates) if not shown_text(item.text))
        blank = sum(text == "" for text in shown.values())
        return (
            "negatives_blank",
            f"{who} {blank} of {len(shown)} candidates, such as {item.item_id!r} at slot {slot}, have no text",
        )
    history = {item.item_id: shown_text(item.text) for item in task.history}
    texts = set(history.values())
    if texts == {""} or (len(texts) == 1 and len(history) >= _FEWEST_HISTORY_ITEMS):
        example = task.history[0].text
        return "history_alike", f"{who} {len(history)} history items all have the text {_cut(example)}"
    if target is not None and (other := _namesake(task, target)):
        slot, item = other
        names = f"target {task.target_id!r} and candidate {item.item_id!r} at slot {slot}"
        return "target_has_namesake", f"{who} {names} both read {_cut(item.text)}"
    return None


def _namesake(task: RankingTask, target: str) -> tuple[int, Item] | None:
    for slot, item in enumerate(task.candidates):
        if item.item_id != task.target_id and shown_text(item.text) == target:
            return slot, item
    return None


def _listed_twice(task: RankingTask, rare: Set[str]) -> tuple[str, str] | None:
    seen: dict[str, tuple[int, Item]] = {}
    for slot, item in enumerate(task.candidates):
        text = shown_text(item.text)
        if item.item_id == task.target_id or text not in rare:
            continue
        first, other = seen.setdefault(text, (slot, item))
        if other.item_id != item.item_id:
            names = f"candidates {other.item_id!r} at slot {first} and {item.item_id!r} at slot {slot}"
            return "negatives_listed_twice", f"query {task.query_id!r}: {names} both read {_cut(item.text)}"
    return None


def _met_by_chance(tasks: Sequence[RankingTask], rare: Set[str]) -> float:
    """The share of pairs of users in which a candidate of the one has the text of one of the other's, under another id.

    There are twice as many pairs of candidates in it as within one list, so namesakes show at least as often.
    """
    ids = [
        {shown_text(item.text): item.item_id for item in task.candidates if shown_text(item.text) in rare}
        for task in tasks
    ]
    step = max(1, len(tasks) // (_CONTROLS + 1))
    pairs = [(row, (row + turn * step) % len(ids)) for row in range(len(ids)) for turn in range(1, _CONTROLS + 1)]
    met = sum(
        any(ids[one][text] != ids[other][text] for text in ids[one].keys() & ids[other].keys())
        for one, other in pairs
    )
    return met / max(1, len(pairs))


def few_bearers(tasks: Sequence[RankingTask]) -> frozenset[str]:
    """The texts, as `shown_text` has them, that two or three item ids have in these tasks.

    More ids than that are no re-import of an item: such a text is a placeholder ("nan"), cut short, or a common name.
    """
    bearers: dict[str, set[str]] = defaultdict(set)
    for task in tasks:
        for item in (*task.history, *task.candidates):
            bearers[shown_text(item.text)].add(item.item_id)
    return frozenset(text for text, ids in bearers.items() if text and 2 <= len(ids) <= _MOST_BEARERS)


def namesakes_tolerated(n: int, share: float) -> float:
    """How many of n users may meet a namesake where `share` of them do by chance: at least one."""
    return max(share * n + _STANDARD_ERRORS * math.sqrt(share * n), _FEWEST_NAMESAKES - 1)


@lru_cache(maxsize=65_536)
def shown_text(text: str) -> str:
    """The text as it is compared: case and white space folded, invisible characters left out."""
    if not text.isascii():  # zero-width characters, byte-order marks, soft hyphens
        text = "".join(" " if char.isspace() else char for char in text if not _is_invisible(char))
    return " ".join(text.casefold().split())


def _is_invisible(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) in ("Cf", "Cc")


def _cut(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
