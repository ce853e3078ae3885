"""Tasks with everything that a table must give back: repeats, missing targets, several texts an id, grades, masks."""

from __future__ import annotations

from hypothesis import strategies as st

from rerank_guard.types import Item, RankingTask

IDS = st.sampled_from(["a", "b", "c", "ç", "17", "017", "", "\U0001f3ac", "\ud800"])
SHORT = st.text(st.sampled_from("ab 東é\n\x00\ud800\U0001f3ac"), max_size=4)  # all of Unicode is slow to begin
TEXTS = st.one_of(st.sampled_from(["", "Toy Story (1995)", "Toy Story", "東京物語"]), SHORT)
ITEMS = st.builds(Item, IDS, TEXTS)
SCORES = st.floats(allow_nan=False)
GRADES = st.floats(min_value=0.0, allow_infinity=False, allow_nan=False)


@st.composite
def any_task(draw: st.DrawFn) -> RankingTask:
    """A task that a RankingTask allows, however broken its list is."""
    candidates = draw(st.lists(ITEMS, min_size=1, max_size=7))
    listed = st.sampled_from([item.item_id for item in candidates])
    target_id = draw(st.one_of(listed, st.sampled_from(["elsewhere", "a"])))
    n = len(candidates)
    relevance = draw(st.one_of(st.none(), st.dictionaries(st.one_of(listed, IDS), GRADES, max_size=5)))
    if relevance is not None:
        relevance = relevance | {target_id: draw(GRADES.filter(lambda grade: grade > 0.0))}
    return RankingTask(
        query_id=draw(SHORT),
        history=tuple(draw(st.lists(ITEMS, max_size=5))),
        candidates=tuple(candidates),
        target_id=target_id,
        target_index=draw(st.one_of(st.none(), st.integers(-3, n + 3), st.just(2**31 - 2))),
        retriever_scores=draw(st.one_of(st.none(), st.lists(SCORES, min_size=n, max_size=n).map(tuple))),
        query=draw(st.one_of(st.just(""), SHORT)),
        relevance=relevance,
        scored=draw(st.one_of(st.none(), st.lists(st.booleans(), min_size=n, max_size=n).map(tuple))),
    )


def task_lists(max_size: int = 8) -> st.SearchStrategy[list[RankingTask]]:
    return st.lists(any_task(), max_size=max_size)
