from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank_model.data.interactions import Interactions
from rerank_model.data.splits import HeldOut, leave_last_out, time_split
from rerank_model.errors import DataError

ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 6)),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:2],
)


def build(rows: list[tuple[int, int, int]]) -> Interactions:
    users, items, times = zip(*rows, strict=True)
    return Interactions.from_columns(users, items, times)


def triples(data: Interactions) -> list[tuple[int, int, int]]:
    return [
        (int(data.user_ids[u]), int(data.item_ids[i]), int(t))
        for u, i, t in zip(data.user, data.item, data.timestamp, strict=True)
    ]


def by_user(rows: list[tuple[int, int, int]]) -> dict[int, list[tuple[int, int, int]]]:
    ordered: dict[int, list[tuple[int, int, int]]] = {}
    for row in sorted(rows, key=lambda row: row[2]):  # a stable sort: equal times keep their order
        ordered.setdefault(row[0], []).append(row)
    return ordered


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, least=st.integers(3, 5))
def test_leave_last_out_against_its_definition(rows: list[tuple[int, int, int]], least: int) -> None:
    histories = by_user(rows)
    long = {user: own for user, own in histories.items() if len(own) >= least}
    if not long:
        with pytest.raises(DataError, match="no user has"):
            leave_last_out(build(rows), min_interactions=least)
        return
    split = leave_last_out(build(rows), min_interactions=least)
    assert split.validation is not None
    assert sorted(triples(split.test.targets)) == sorted(own[-1] for own in long.values())
    assert sorted(triples(split.validation.targets)) == sorted(own[-2] for own in long.values())
    held = {own[-1] for own in long.values()} | {own[-2] for own in long.values()}
    assert sorted(triples(split.train)) == sorted(set(rows) - held)
    assert by_user(triples(split.validation.history)) == by_user(triples(split.train))
    assert sorted(triples(split.test.history)) == sorted(set(rows) - {own[-1] for own in long.values()})
    left_out = {user for users in split.users_left_out.values() for user in users}
    assert left_out == {str(user) for user in histories if user not in long}
    assert split.test.n_users_left_out + len(split.test.targets) == len(histories), (
        "every user is held out or reported"
    )


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, cuts=st.tuples(st.integers(0, 6), st.integers(0, 6)), min_history=st.integers(0, 2))
def test_time_split_never_looks_past_its_cuts(
    rows: list[tuple[int, int, int]], cuts: tuple[int, int], min_history: int
) -> None:
    first, second = cuts
    try:
        split = time_split(build(rows), test_from=second, validation_from=first, min_history=min_history)
    except DataError:
        return
    assert split.validation is not None
    assert all(time < first for *_, time in triples(split.train))
    assert sorted(triples(split.train)) == sorted(row for row in rows if row[2] < first), (
        "all that lies before the cut"
    )
    _held_out_holds(split.validation, rows, first, second, min_history)
    _held_out_holds(split.test, rows, second, 99, min_history)


def _held_out_holds(
    held: HeldOut, rows: list[tuple[int, int, int]], start: int, stop: int, min_history: int
) -> None:
    assert sorted(triples(held.history)) == sorted(row for row in rows if row[2] < start)
    expected = {}
    for user, own in by_user(rows).items():
        inside = [row for row in own if start <= row[2] < stop]
        if inside and sum(row[2] < start for row in own) >= min_history:
            expected[user] = inside[0]
    assert sorted(triples(held.targets)) == sorted(expected.values())


def test_equal_times_keep_the_source_order_and_are_counted() -> None:
    rows = [(1, 5, 10), (1, 9, 10), (1, 2, 10), (2, 1, 1), (2, 2, 2), (2, 3, 3)]
    split = leave_last_out(build(rows))
    assert triples(split.test.targets) == [(1, 2, 10), (2, 3, 3)]
    assert split.test.n_tied_targets == 1


def test_row_order_of_other_times_does_not_matter() -> None:
    rows = [(1, 5, 3), (1, 9, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2), (2, 3, 3)]
    assert sorted(triples(leave_last_out(build(rows)).test.targets)) == sorted(
        triples(leave_last_out(build(rows[::-1])).test.targets)
    )


def test_short_users_stay_in_train_and_are_named_with_the_reason() -> None:
    split = leave_last_out(build([(1, 1, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2), (2, 3, 3)]))
    assert split.users_left_out == {"fewer than 3 interactions": ("1",)}
    assert {(1, 1, 1), (1, 2, 2)} <= set(triples(split.train))


def test_time_split_names_both_reasons() -> None:
    rows = [(1, 1, 1), (2, 1, 9), (3, 1, 1), (3, 2, 9)]
    split = time_split(build(rows), test_from=5)
    assert split.validation is None
    assert triples(split.test.targets) == [(3, 2, 9)]
    assert split.users_left_out == {
        "fewer than 1 interaction(s) before the cut": ("2",),
        "no interaction after the cut": ("1",),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test_from": 0}, "no interaction lies before 0; the timestamps run from 1 to 3"),
        ({"test_from": 9}, "no user has 1 interaction"),
        ({"test_from": 2, "validation_from": 2}, "validation_from=2 is not before test_from=2"),
        ({"test_from": 2, "min_history": -1}, "min_history is -1"),
    ],
)
def test_time_split_refuses(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        time_split(build([(1, 1, 1), (1, 2, 2), (1, 3, 3)]), **arguments)  # type: ignore[arg-type]


def test_leave_last_out_refuses_too_low_a_minimum_and_repeats() -> None:
    with pytest.raises(DataError, match="min_interactions is 2"):
        leave_last_out(build([(1, 1, 1)]), min_interactions=2)
    repeated = build([(1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 1, 4)])
    with pytest.raises(DataError, match="without_repeats"):
        leave_last_out(repeated)
    with pytest.raises(DataError, match="without_repeats"):
        time_split(repeated, test_from=3)
    assert triples(leave_last_out(repeated.without_repeats()).test.targets) == [(1, 3, 3)]
