"""Which markers of a chat template come out of titles as the very tokens that the template has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from rerank_guard.checks.prompts._hostile import MARKERS
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.types import RankingTask

__all__ = ["MARKER", "frame_markers", "texts_of"]

MARKER = re.compile(r"<\|[^|<>\s]{1,40}\|>")
"""What special tokens of most vocabularies look like."""


def frame_markers(
    shown: Sequence[tuple[ScoringPrompt, RankingTask]], plain: Sequence[ScoringPrompt], min_prompts: int
) -> frozenset[str]:
    """The markers of the prompts' own frame that titles bring in as the same token.

    A marker is one where one id occurs exactly as often as the marker is in the text, in every prompt, at least once in
    each, and more often where a title holds it. The same characters in other ids are text.

    Args:
        shown: prompts with their tasks.
        plain: prompts of harmless tasks, made by the same builder.
        min_prompts: fewest prompts from which this can be concluded without `plain`.
    """
    prompts = [*(prompt for prompt, _ in shown), *plain]
    if not shown or (not plain and len(prompts) < min_prompts):
        return frozenset()
    titles = [texts_of(task) for _, task in shown]
    ids = [Counter(prompt.token_ids) for prompt in prompts]
    markers = {*MARKERS, *MARKER.findall("\n".join(chain.from_iterable(titles)))}
    return frozenset(marker for marker in markers if _is_of_frame(marker, prompts, ids, titles))


def texts_of(task: RankingTask) -> list[str]:
    """The texts of the candidates, then of the history."""
    return [item.text for item in (*task.candidates, *task.history)]


def _is_of_frame(
    marker: str, prompts: Sequence[ScoringPrompt], ids: Sequence[Counter[int]], titles: Sequence[Sequence[str]]
) -> bool:
    """Whether the frame has a marker as one token, and a title brings in the same.

    Args:
        marker: such as "<|im_end|>".
        prompts: those with titles that may hold it first.
        ids: how often each prompt has each token id.
        titles: the texts of each of the first prompts' tasks.
    """
    times = [prompt.text.count(marker) for prompt in prompts]
    brought_in = _first_brought_in(marker, times, titles)
    if min(times) == 0 or brought_in is None:
        return False
    tokens = [token for token, count in ids[brought_in].items() if count == times[brought_in]]
    return any(all(of[token] == count for of, count in zip(ids, times, strict=True)) for token in tokens)


def _first_brought_in(marker: str, times: Sequence[int], titles: Sequence[Sequence[str]]) -> int | None:
    """The first prompt that has the marker more often than the fewest, with a title that holds it; None without one."""
    usual = min(times)
    for place, of_task in enumerate(titles):
        if times[place] > usual and any(marker in text for text in of_task):
            return place
    return None
