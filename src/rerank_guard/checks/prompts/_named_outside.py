"""How often the target item, and how often any other candidate, is named in a prompt outside of the candidate list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import poisson

from rerank_guard.checks._settings import true_positions
from rerank_guard.checks.prompts._readable_text import occurrences, one_line, readable
from rerank_guard.checks.prompts._shown_candidates import Span
from rerank_guard.core.types import Item, RankingTask

__all__ = ["NamedOutside", "ShownPrompt", "item_id", "named_outside", "text_with_target", "texts_around", "title"]

_OTHER_PROMPTS = 64


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
class NamedOutside:
    """How often names (titles, or ids) are outside of the candidate list.

    Attributes:
        users: places of the tasks whose target item is named there, not merely as a part of another candidate's name.
        judged: tasks whose candidate list was found.
        others: share of the other candidates that are named outside of their own prompt's list.
        elsewhere: how many of `users` one would expect if each target item's name were outside of its own user's list as
            often as outside of other users' lists.
    """

    users: tuple[int, ...]
    judged: int
    others: float
    elsewhere: float

    @property
    def expected_by_others(self) -> float:
        """How many users one would expect if the target items were named as often as the other candidates."""
        return self.others * self.judged

    def leaks(self, min_users: int, min_ratio: float, alpha: float) -> bool:
        """Whether so many users are more than the other candidates, and the same names elsewhere, account for.

        Args:
            min_users: that must be affected.
            min_ratio: to the larger of the two expectations.
            alpha: where an expectation is above 0: largest probability of so many users or more under a Poisson
                distribution with twice that mean, in each of four looks (titles and ids, scoring and training). Twice, since the
                expectation is itself an estimate.
        """
        found, expected = len(self.users), self.expected
        if found < min_users or found < min_ratio * expected:
            return False
        return expected == 0.0 or self.by_chance <= alpha

    @property
    def expected(self) -> float:
        """The larger of the two expectations; 0 where such names are nowhere else, and nothing is left to chance."""
        return max(self.expected_by_others, self.elsewhere)

    @property
    def by_chance(self) -> float:
        """P(X >= users) of X that is Poisson distributed with twice the larger expectation, which is above 0."""
        return float(poisson.sf(len(self.users) - 1, 2.0 * self.expected))


@dataclass(frozen=True, slots=True)
class _InOne:
    """What is named outside of the list of one prompt: the target item's name, and how many of the others'."""

    target: str
    target_named: bool
    others: int
    others_named: int


def title(item: Item) -> str:
    """The item's text in one line."""
    return one_line(item.text)


def item_id(item: Item) -> str:
    """The item's id; short ones, such as numbers, are in a prompt for other reasons, which the ratios account for."""
    return one_line(item.item_id)


def texts_around(prompts: Sequence[ShownPrompt], tasks: Sequence[RankingTask]) -> dict[int, str]:
    """Place to the prompt's text outside of the candidate list, of the prompts in which the list was found."""
    found = {place: _text_around(*each) for place, each in enumerate(zip(prompts, tasks, strict=True))}
    return {place: text for place, text in found.items() if text is not None}


def named_outside(
    around: Mapping[int, str], tasks: Sequence[RankingTask], name_of: Callable[[Item], str]
) -> NamedOutside:
    """How often the items' names are outside of the candidate lists.

    Args:
        around: `texts_around` of the tasks' prompts.
        tasks: all of them.
        name_of: an item's name, such as `title`.
    """
    found = _in_each(around, tasks, name_of)
    users = tuple(place for place, one in found.items() if one.target_named)
    others = sum(one.others for one in found.values())
    return NamedOutside(
        users,
        len(found),
        sum(one.others_named for one in found.values()) / others if others else 0.0,
        sum(_share_elsewhere(place, one.target, around) for place, one in found.items()) if users else 0.0,
    )


def text_with_target(around: str, task: RankingTask, before: int, behind: int) -> tuple[str, str]:
    """The target item's name that is outside of the list, its title or else its id, and the text beside it.

    Args:
        around: the prompt's text outside of the list.
        task: of the prompt; it lists its target item.
        before: characters shown before the name.
        behind: characters shown behind it.
    """
    item = task.candidates[task.candidate_ids.index(task.target_id)]
    name = title(item) if _holds(around, title(item)) else item_id(item)
    start = next(occurrences(around, name), 0)
    return name, around[max(0, start - before) : start + len(name) + behind].replace("\t", "...")


def _in_each(
    around: Mapping[int, str], tasks: Sequence[RankingTask], name_of: Callable[[Item], str]
) -> dict[int, _InOne]:
    """By place, of the tasks that list their target item under a name that is not blank."""
    positions = true_positions(tasks)
    found: dict[int, _InOne] = {}
    for place, text in around.items():
        names = [name_of(item) for item in tasks[place].candidates]
        position = positions[place]
        if position is not None and names[position]:
            found[place] = _in_one(text, names, names[position])
    return found


def _in_one(text: str, names: Sequence[str], target: str) -> _InOne:
    """Of one prompt's text outside of the list; a target's name within another name that is there does not count."""
    others = [name for name in names if name and name != target]
    named = [name for name in others if _holds(text, name)]
    by_itself = _holds(text, target) and not any(target in name for name in named)
    return _InOne(target, by_itself, len(others), len(named))


def _share_elsewhere(place: int, name: str, around: Mapping[int, str]) -> float:
    """The share of other users' prompts, of up to 64 evenly spread over all, that have the name outside of the list."""
    places = [other for other in around if other != place]
    if not places:
        return 0.0
    picked = np.linspace(0, len(places) - 1, min(len(places), _OTHER_PROMPTS)).astype(int)
    return sum(_holds(around[places[other]], name) for other in picked) / len(picked)


def _text_around(prompt: ShownPrompt, task: RankingTask) -> str | None:
    """The readable text outside of the list, without the history's texts; None where no candidates are found."""
    text = readable(prompt.text)
    history = {title(item) for item in task.history}
    for past in sorted(history - {""}, key=lambda past: (-len(past), past)):
        text = _without(text, past)
    names = [title(item) for item in task.candidates]
    block = _shortest_run(text, [name for name in names if name and name not in history])
    if block is None:
        return None
    start, end = block
    # Behind the list of a training prompt comes the answer, which may be the title itself.
    return text[:start] if hasattr(prompt, "answer_position") else f"{text[:start]}\n{text[end:]}"


def _without(text: str, past: str) -> str:
    """The text with each occurrence of a history's title as a tab: readable text holds no tabs, so no title spans one."""
    pieces, last = [], 0
    for start in occurrences(text, past):
        if start >= last:
            pieces.append(text[last:start])
            last = start + len(past)
    return "\t".join([*pieces, text[last:]])


def _shortest_run(text: str, titles: Sequence[str]) -> Span | None:
    """From where to where the text lists the titles in order: all of them that it holds, each behind the last."""
    found = [[(start, start + len(each)) for start in occurrences(text, each)] for each in titles]
    found = [spans for spans in found if spans]
    if len(found) < 2:
        return None
    last: Span = (-1, -1)
    run: list[list[Span]] = []
    for spans in found:
        behind = next((span for span in spans if span[0] > last[0]), None)
        if behind is not None:
            last = behind
            run.append(spans)
    return _latest_start(run, last[0]), last[1]


def _latest_start(run: Sequence[Sequence[Span]], last: int) -> int:
    """Where a run begins that ends with an entry at `last`, each entry as near to the next one as it can be.

    Titles may be before the list as well, such as in an example; these are passed over.
    """
    start = last
    for spans in reversed(run[:-1]):
        start = max(begin for begin, _ in spans if begin < start)
    return start


def _holds(text: str, name: str) -> bool:
    return name in text and next(occurrences(text, name), None) is not None
