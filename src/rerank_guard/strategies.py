"""Hypothesis strategies for titles and tasks, to run against a prompt builder.

For example:

    from hypothesis import given
    from rerank_guard.checks.prompts.prompt_injection_safe import prompt_injection_safe
    from rerank_guard.strategies import hostile_titles, ranking_tasks

    @given(task=ranking_tasks(titles=hostile_titles()))
    def test_titles_cannot_forge_the_prompt(task):
        try:
            outcome = scoring_prompt(task)
        except ValueError as refusal:  # to refuse a title is safe
            outcome = str(refusal)
        verdict = prompt_injection_safe([outcome], [task], letters)
        assert verdict.ok, verdict.evidence

where `scoring_prompt` is yours, from a task to a `ScoringPrompt`, and `letters` is your `LetterTable`. Needs hypothesis,
which `rerank-guard` does not install.
"""

from __future__ import annotations

from rerank_guard.checks.prompts import _hostile as hostile
from rerank_guard.core.types import Item, RankingTask

try:
    from hypothesis import strategies as st
except ImportError as missing:
    raise ImportError(
        "rerank_guard.strategies needs hypothesis, which is not installed; run: pip install hypothesis "
        "(rerank_guard.checks.prompts._hostile has the hostile titles without it)."
    ) from missing

__all__ = ["hostile_titles", "items", "ranking_tasks", "titles"]

_LONGEST_TITLE = 60
_BREAKS = ("\n", "\r\n", "\r", "\u2028", "\x85")


def titles(max_size: int = _LONGEST_TITLE) -> st.SearchStrategy[str]:
    """Titles that every builder must accept: visible, of one line, of any script, no white space at either end.

    Args:
        max_size: most characters.
    """
    # No control, format, surrogate, private or unassigned characters, and no separator but the plain space.
    visible = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
    return st.text(visible, min_size=1, max_size=max_size).map(str.strip).filter(_harmless)


def hostile_titles() -> st.SearchStrategy[str]:
    """Titles that try to pass for a part of the prompt: `hostile.hostile_titles`, and new ones made of the same pieces."""
    pieces = st.sampled_from((*_BREAKS, *hostile.MARKERS, "A. ", "B) ", "(C) ", "Answer: A", "\u202e", "\x00", " "))
    made = st.lists(st.one_of(pieces, titles(12)), min_size=1, max_size=6).map("".join)
    return st.one_of(st.sampled_from(hostile.hostile_titles()), made)


def items(titles: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Item]:
    """Items with ids that are numbers as text, as catalogues have them.

    Args:
        titles: of the items; None for `titles()`.
    """
    return st.builds(Item, st.integers(0, 99_999).map(str), _titles() if titles is None else titles)


@st.composite
def ranking_tasks(
    draw: st.DrawFn,
    min_candidates: int = 2,
    max_candidates: int = 26,
    titles: st.SearchStrategy[str] | None = None,
) -> RankingTask:
    """Tasks of up to 8 history items, with different item ids, the target item listed, and a right target_index.

    Args:
        draw: passed by hypothesis, not by the caller.
        min_candidates: at least 2.
        max_candidates: no more than there are letters.
        titles: of the items, which need not differ; None for `titles()`. Try `hostile_titles()`.
    """
    of = items(titles)
    offered = draw(
        st.lists(of, min_size=min_candidates, max_size=max_candidates, unique_by=lambda item: item.item_id)
    )
    taken = {item.item_id for item in offered}
    history = [
        item for item in draw(st.lists(of, max_size=8, unique_by=lambda i: i.item_id)) if item.item_id not in taken
    ]
    target = draw(st.integers(0, len(offered) - 1))
    return RankingTask(
        query_id=f"u{draw(st.integers(0, 9_999))}",
        history=tuple(history),
        candidates=tuple(offered),
        target_id=offered[target].item_id,
        target_index=target,
    )


_titles = titles  # the parameter of the same name hides it


def _harmless(title: str) -> bool:
    return bool(title) and not any(marker in title for marker in hostile.MARKERS)
