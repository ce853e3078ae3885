"""Tasks with everything that a table must give back: repeats, missing targets, several texts an id, grades, masks."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from rerank_guard.core.types import Item, RankingTask

IDS = st.sampled_from(["a", "b", "c", "ç", "17", "017", "", "\U0001f3ac", "\ud800"])
SHORT = st.text(st.sampled_from("ab 東é\n\x00\ud800\U0001f3ac"), max_size=4)  # all of Unicode is slow to begin
ITEMS = st.builds(Item, IDS, st.sampled_from(["", "Alien", "ALIEN", "東京物語", "\ud800\n\x00", "b"]))
SCORES = st.sampled_from([-float("inf"), -1.5, -0.0, 0.0, 0.1, 1e300, float("inf"), 3])
GRADES = st.sampled_from([0.0, 0.1, 1, 2.0, 1e300, 5e-324])
FEW = settings(max_examples=40, deadline=None)
"""For properties of whole tables, of which each draw takes ten milliseconds."""

PROBLEM_POSITIONS = (-3, -1, 40, 2**31 - 2, None)


@st.composite
def any_task(draw: st.DrawFn) -> RankingTask:
    """A task that a RankingTask allows, however broken its list is."""
    candidates = draw(st.lists(ITEMS, min_size=1, max_size=6))
    n = len(candidates)
    target_id = draw(st.sampled_from([*(item.item_id for item in candidates), "elsewhere"]))
    relevance = draw(st.none() | st.dictionaries(IDS, GRADES, max_size=3))
    if relevance is not None and not relevance.get(target_id):
        relevance = relevance | {target_id: 0.7}
    return RankingTask(
        query_id=draw(SHORT),
        history=tuple(draw(st.lists(ITEMS, max_size=4))),
        candidates=tuple(candidates),
        target_id=target_id,
        target_index=draw(st.sampled_from([*range(n), *PROBLEM_POSITIONS])),
        first_stage_scores=draw(st.none() | st.tuples(*[SCORES] * n)),
        query=draw(st.sampled_from(["", "", "東京 films"])),
        relevance=relevance,
        scored=draw(st.none() | st.tuples(*[st.booleans()] * n)),
    )


def task_lists(max_size: int = 6) -> st.SearchStrategy[list[RankingTask]]:
    return st.lists(any_task(), max_size=max_size)
