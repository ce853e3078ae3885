from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.core.types import Item
from rerank_model.data.catalogue import Catalogue
from rerank_model.data.interactions import Interactions
from rerank_model.data.popularity import item_popularity
from rerank_model.errors import DataError


def interactions(*rows: tuple[str, str, int]) -> Interactions:
    users, items, times = zip(*rows, strict=True)
    return Interactions.from_columns(users, items, times)


def rows_of(data: Interactions) -> list[tuple[str, str, float]]:
    return [
        (data.user_ids[u], data.item_ids[i], float(t))
        for u, i, t in zip(data.user, data.item, data.timestamp, strict=True)
    ]


def test_from_columns_keeps_rows_and_order() -> None:
    rows = [("u2", "b", 5), ("u1", "a", 3), ("u2", "a", 4)]
    assert rows_of(interactions(*rows)) == rows


def test_integer_ids_become_text() -> None:
    data = Interactions.from_columns([7, 7], [1, 2], [0, 1])
    assert (data.user_ids, data.item_ids) == (("7",), ("1", "2"))


def test_chronological_keeps_the_source_order_of_equal_times() -> None:
    data = interactions(("u", "z", 2), ("v", "a", 1), ("u", "a", 2), ("u", "m", 1)).chronological()
    assert [item for _, item, _ in rows_of(data)] == ["m", "z", "a", "a"]
    assert data.user_offsets().tolist() == [0, 3, 4]


def test_offsets_of_unsorted_rows_are_refused() -> None:
    with pytest.raises(DataError, match="chronological"):
        interactions(("u", "a", 1), ("v", "a", 1), ("u", "b", 2)).user_offsets()


def test_without_repeats_keeps_the_earliest_and_the_order() -> None:
    data = interactions(("u", "a", 9), ("u", "b", 5), ("v", "a", 2), ("u", "a", 1))
    with pytest.raises(DataError, match="'u' with item 'a'"):
        data.require_no_repeats()
    kept = data.without_repeats()
    kept.require_no_repeats()
    assert rows_of(kept) == [("u", "b", 5), ("v", "a", 2), ("u", "a", 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": np.array([0, 2])}, "user code 2 is outside the vocabulary of 1"),
        ({"item": np.array([-1, 0])}, "item code -1"),
        ({"user": np.array([0.0, 0.0])}, "float64"),
        ({"timestamp": np.array([1, 2, 3])}, "timestamp has 3"),
        ({"timestamp": np.array([1.0, np.nan])}, "row 1 has timestamp nan"),
        ({"timestamp": np.array(["2020", "2021"])}, "seconds since 1970"),
        ({"rating": np.array([1.0])}, "rating has 1"),
        ({"item_ids": ("a", "a")}, "'a' twice"),
        ({"user_ids": ("",)}, "empty user id"),
    ],
)
def test_columns_that_do_not_belong_together(change: dict[str, object], message: str) -> None:
    columns: dict[str, object] = {
        "user_ids": ("u",),
        "item_ids": ("a", "b"),
        "user": np.array([0, 0]),
        "item": np.array([0, 1]),
        "timestamp": np.array([1, 2]),
    }
    Interactions(**columns)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        Interactions(**{**columns, **change})  # type: ignore[arg-type]


def test_a_time_that_is_no_number_is_shown_with_its_row() -> None:
    with pytest.raises(DataError, match=r"row 1 has timestamp 'yesterday'"):
        Interactions.from_columns(["u", "u"], ["a", "b"], [1, "yesterday"])  # type: ignore[list-item]


def test_popularity_counts_what_was_taken_only() -> None:
    data = interactions(("u", "a", 1), ("v", "a", 2), ("v", "b", 3))
    assert item_popularity(data) == {"a": 2, "b": 1}
    assert item_popularity(data.take(np.array([0]))) == {"a": 1}


def test_aligned_to_a_catalogue_takes_over_its_vocabulary() -> None:
    data = interactions(("u", "b", 1), ("v", "a", 2))
    aligned = data.aligned_to(Catalogue.from_texts({"a": "A", "new": "New", "b": "B"}))
    assert aligned.item_ids == ("a", "new", "b")
    assert rows_of(aligned) == rows_of(data)


def test_items_missing_from_the_catalogue_are_counted_and_named() -> None:
    data = interactions(("u", "b", 1), ("v", "a", 2), ("v", "b", 2))
    with pytest.raises(DataError, match=r"1 item\(s\) with 2 interaction\(s\).*'b'"):
        data.aligned_to(Catalogue.from_texts({"a": "A"}))


def test_an_untaken_item_need_not_be_in_the_catalogue() -> None:
    data = interactions(("u", "b", 1), ("v", "a", 2)).take(np.array([1]))
    Catalogue.from_texts({"a": "A"}).require_items(data)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((), "no items"),
        ((Item("a", "A"), Item("a", "B")), "'a' appears twice, as 'A' and 'B'"),
        ((Item("a", " \n"),), "blank text"),
        ((Item("", "A"),), "empty id"),
    ],
)
def test_malformed_catalogues(items: tuple[Item, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Catalogue(items)


def test_shared_texts_are_counted() -> None:
    assert Catalogue.from_texts({"1": "Kull", "2": "Kull", "3": "Amy"}).n_shared_texts == 1
