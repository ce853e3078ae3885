"""Kinds: which kinds of a fault are above their tolerance, and what is shown of them."""

from __future__ import annotations

from rerank_guard.checks._kinds import Kinds, all_but
from rerank_guard.core.finding import Limit


def test_where_nothing_is_tolerated_the_total_decides():
    kinds = Kinds("broken", 5, {"one": 2, "other": 3}, {"one": 0, "other": 0})
    assert kinds.failing == ("other", "one")
    assert list(kinds.measured.items()) == [("broken", 5), ("one", 2), ("other", 3)]
    assert kinds.limits == (Limit("broken", "<=", 0),)
    assert (kinds.affected, kinds.exempt) == (5, "")


def test_with_a_tolerance_each_kind_has_its_limit_and_the_worst_comes_first():
    kinds = Kinds("broken", 9, {"one": 2, "other": 3, "third": 4}, {"one": 1, "other": 3, "third": 0})
    assert kinds.failing == ("third", "one")
    assert list(kinds.measured.items()) == [("third", 4), ("broken", 9), ("one", 2), ("other", 3)]
    assert kinds.limits == (Limit("one", "<=", 1), Limit("other", "<=", 3), Limit("third", "<=", 0))
    assert kinds.affected == 6
    assert "1 one" in kinds.exempt
    assert "third" not in kinds.exempt


def test_what_is_tolerated_is_affected_all_the_same():
    kinds = Kinds("broken", 2, {"one": 2}, {"one": 2})
    assert (kinds.failing, kinds.affected, next(iter(kinds.measured))) == ((), 2, "broken")
    assert (all_but(0), all_but(3)) == ("", ", for all but 3")
