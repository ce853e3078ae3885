"""Would the prompt be the same if another candidate were the target?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import poisson

from rerank_guard.checks._aligned import require_aligned
from rerank_guard.checks._candidate_block import occurrences, one_line, readable
from rerank_guard.checks._settings import true_slots
from rerank_guard.errors import InvalidTaskError
from rerank_guard.types import Item, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["ShownPrompt", "check_prompt_blind_to_target"]

_LEAST_USERS = 3
_LEAST_RATIO = 10.0
_ALPHA = 1e-6
_OTHER_PROMPTS = 64
_TEXT_SHOWN = 40


class ShownPrompt(Protocol):
    """What a scoring prompt and a training prompt have in common."""

    @property
    def query_id(self) -> str:
        """Of the task."""
        ...

    @property
    def text(self) -> str:
        """What the ids say."""
        ...

    @property
    def before_answer(self) -> tuple[int, ...]:
        """The ids up to the one behind which the letter comes."""
        ...


@dataclass(frozen=True, slots=True)
class _Outside:
    """How often titles stand outside of the candidate block.

    Attributes:
        users: places of the tasks whose target does, and in whose stead a random other candidate hardly would.
        judged: tasks whose block was found.
        others: share of the other candidates that stand outside of their own prompt's block.
        elsewhere: how many of `users` one would expect if each target's title stood outside of its own user's block
            as often as outside of other users' blocks.
    """

    users: tuple[int, ...]
    judged: int
    others: float
    elsewhere: float

    @property
    def leaks(self) -> bool:
        """Seen in at least 3 users and 10 times as often as for other candidates, and for the same titles elsewhere."""
        found, expected = len(self.users), max(self.others * self.judged, self.elsewhere)
        if found < _LEAST_USERS or found < _LEAST_RATIO * expected:
            return False
        return expected == 0.0 or float(poisson.sf(found - 1, 2.0 * expected)) <= _ALPHA


def check_prompt_blind_to_target(
    prompts: Sequence[ShownPrompt], moved: Sequence[ShownPrompt], tasks: Sequence[RankingTask]
) -> Verdict:
    """What the model reads before it answers does not depend on which candidate is the target.

    Two ways to see a leak:

    - `prompts` and `moved` differ before the answer: exact, token by token. This sees every leak of a prompt that
      is built from `target_id` or `target_index`, and sees nothing of one that is written into the data.
    - The target's title, or its item_id, stands outside of the candidate block, apart from the user's history and from
      longer titles that hold it, in at least 3 users and 10 times as often as (a) the other candidates' titles of the same users
      and (b) the same titles in other users' prompts. By (b) a template that names well-known films accuses nobody.
      Where one of the two rates is not 0, the number of users must also be out of reach of twice the larger one
      (Poisson, 1e-6).

    The block is between the first and the last candidate's text that is found in the prompt; titles within it (in
    whatever layout) count for nothing. In training prompts, where the answer follows, only what stands before the
    block is searched.

    Args:
        prompts: scoring or training prompts, one a task, at least one.
        moved: prompts of the same tasks in the same order, with another candidate declared the target (target_id
            and target_index) and all else equal; their query_ids may differ.
        tasks: the tasks of `prompts`, in the same order.

    Returns:
        PASSED, or FAILED as prompt-leak. A builder that shuffles or samples at every call also fails here, for its
        prompts cannot be compared; `cause` names both.

    Raises:
        InvalidTaskError: no prompts, or lists that do not belong together.
    """
    require_aligned(prompts, tasks, ("prompts", "tasks"))
    if len(moved) != len(prompts):
        raise InvalidTaskError(f"{len(prompts)} prompts but {len(moved)} moved ones; give one for each task.")
    changed = [
        place
        for place, (one, other) in enumerate(zip(prompts, moved, strict=True))
        if one.before_answer != other.before_answer
    ]
    outside = _outside(prompts, tasks, _title)
    if not outside.leaks:
        by_id = _outside(prompts, tasks, _item_id)
        outside = by_id if by_id.leaks else outside
    leaking = sorted({*changed, *outside.users}) if outside.leaks else changed
    rows = [_changed_row(prompts[place], moved[place]) for place in changed]
    if outside.leaks:
        rows = rows[: MAX_EVIDENCE - 2] + [_outside_row(prompts[place], tasks[place]) for place in outside.users]
    return Verdict(
        check="prompt_blind_to_target",
        status=Status.FAILED if leaking else Status.PASSED,
        claim=f"each of {len(tasks)} prompts is the same whichever candidate is the target",
        measured={
            "leaking_prompts": len(leaking),
            "changed_with_the_target": len(changed),
            "targets_named_outside_the_list": len(outside.users),
            "expected_of_other_candidates": round(outside.others * outside.judged, 3),
            "expected_of_the_same_titles": round(outside.elsewhere, 3),
        },
        threshold={"leaking_prompts": 0},
        n=len(tasks),
        evidence=tuple(rows[:MAX_EVIDENCE]) if leaking else (),
        cause=_cause(changed, outside.leaks),
        next_step=(
            "Build the prompt from history and candidates alone; give the builder no target, and take the target's "
            "interaction, review and everything later out of whatever describes the user."
            if leaking
            else ""
        ),
        fault="prompt-leak" if leaking else None,
    )


def _title(item: Item) -> str:
    return one_line(item.text)


def _item_id(item: Item) -> str:
    """Short ids, such as numbers, stand in a prompt for other reasons: the ratios to other candidates' see to that."""
    return one_line(item.item_id)


def _cause(changed: Sequence[int], named: bool) -> str:
    if changed:
        return (
            "The prompt depends on which candidate is the target: it names, marks or places the answer. (Or it "
            "is drawn at "
            "random at every call, in which case it cannot be compared.)"
        )
    if named:
        return "The answer's title or id stands in the prompt outside of the candidates, where no other candidate's stands."
    return ""


def _outside(prompts: Sequence[ShownPrompt], tasks: Sequence[RankingTask], said: Callable[[Item], str]) -> _Outside:
    """How often what is `said` of an item stands outside of the block of titles."""
    around: dict[int, str] = {}
    titles: dict[int, list[str]] = {}
    for place, (prompt, task) in enumerate(zip(prompts, tasks, strict=True)):
        titles[place] = [said(item) for item in task.candidates]
        listed = [one_line(item.text) for item in task.candidates]
        text = _around_block(prompt, listed, [one_line(item.text) for item in task.history])
        if text is not None:
            around[place] = text
    slots = true_slots(tasks)
    users: list[int] = []
    targets: dict[int, str] = {}
    others = other_titles = 0
    for place, text in around.items():
        slot = slots[place]
        if slot is None or not titles[place][slot]:
            continue
        targets[place] = target = titles[place][slot]
        rest = [title for title in titles[place] if title and title != target]
        others += sum(_holds(text, title) for title in rest)
        other_titles += len(rest)
        if _holds(text, target) and not any(target in more and _holds(text, more) for more in rest):
            users.append(place)
    expected = sum(_share_elsewhere(place, target, around) for place, target in targets.items()) if users else 0.0
    return _Outside(tuple(users), len(targets), others / other_titles if other_titles else 0.0, expected)


def _share_elsewhere(place: int, title: str, around: dict[int, str]) -> float:
    """In what share of other users' prompts, evenly spread over all, the title stands outside of the block."""
    places = [other for other in around if other != place]
    if not places:
        return 0.0
    picked = np.linspace(0, len(places) - 1, min(len(places), _OTHER_PROMPTS)).astype(int)
    return sum(_holds(around[places[other]], title) for other in picked) / len(picked)


def _around_block(prompt: ShownPrompt, titles: Sequence[str], history: Sequence[str]) -> str | None:
    """The readable text outside of the candidates, the history's texts taken out; None where no candidates are found."""
    text = readable(prompt.text)
    for past in sorted({past for past in history if past}, key=len, reverse=True):
        text = _without(text, past)
    block = _shortest_run(text, [title for title in titles if title and title not in history])
    if block is None:
        return None
    start, end = block
    # Behind the block of a training prompt comes the answer, which may say the title in so many words.
    return text[:start] if hasattr(prompt, "answer_position") else f"{text[:start]}\n{text[end:]}"


def _without(text: str, past: str) -> str:
    """The text with each occurrence of a history's title as a tab: readable text holds no tabs, so no title spans one."""
    pieces, last = [], 0
    for start in occurrences(text, past):
        if start >= last:
            pieces.append(text[last:start])
            last = start + len(past)
    return "\t".join([*pieces, text[last:]])


def _shortest_run(text: str, titles: Sequence[str]) -> tuple[int, int] | None:
    """From where to where the text lists the titles in order: all of them that it holds, each behind the last."""
    spans = [[(start, start + len(title)) for start in occurrences(text, title)] for title in titles]
    spans = [found for found in spans if found]
    if len(spans) < 2:
        return None
    last, chain = (-1, -1), []
    for found in spans:
        later = next((span for span in found if span[0] > last[0]), None)
        if later is not None:
            last = later
            chain.append(found)
    # Titles may stand before the list as well: from where it ends, go back to the nearest of each.
    start = last[0]
    for found in reversed(chain[:-1]):
        start = max(other for other, _ in found if other < start)
    return start, last[1]


def _holds(text: str, title: str) -> bool:
    return title in text and next(occurrences(text, title), None) is not None


def _changed_row(prompt: ShownPrompt, moved: ShownPrompt) -> str:
    one, other = readable(prompt.text), readable(moved.text)
    split = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), -1)
    if split < 0:
        ids = f"{len(prompt.before_answer)} and {len(moved.before_answer)} ids"
        return f"query {prompt.query_id!r}: other ids before the answer ({ids}) with another target"
    shown = [text[max(0, split - _TEXT_SHOWN // 2) : split + _TEXT_SHOWN // 2] for text in (one, other)]
    return f"query {prompt.query_id!r}: {shown[0]!r} becomes {shown[1]!r} with another target"


def _outside_row(prompt: ShownPrompt, task: RankingTask) -> str:
    titles = [_title(item) for item in task.candidates]
    text = _around_block(prompt, titles, [_title(item) for item in task.history]) or ""
    item = task.candidates[task.candidate_ids.index(task.target_id)]
    target = _title(item) if _holds(text, _title(item)) else _item_id(item)
    start = next(occurrences(text, target), 0)
    shown = text[max(0, start - _TEXT_SHOWN) : start + len(target) + _TEXT_SHOWN // 2].replace("\t", "...")
    return f"query {prompt.query_id!r}: the target {target!r} stands outside of the candidates: {shown!r}"
