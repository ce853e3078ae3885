"""The table of trust: each item has its case and siblings, and the fast ones give what the table says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.trust.runner import all_cases, fast_cases, run

TABLE = Path(__file__).parents[2] / "benchmarks" / "trust.json"


@pytest.mark.parametrize("item", range(1, 36))
def test_an_item_has_its_case_and_three_siblings(item: int) -> None:
    count = Counter(case.sibling for case in all_cases() if case.item == item)
    assert count[False] >= 1
    assert count[True] >= 3


def test_no_two_cases_have_one_name() -> None:
    names = [(case.item, case.name) for case in all_cases()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", fast_cases(), ids=lambda case: f"{case.item} {case.name}")
def test_a_fast_case_gives_what_the_table_says(case) -> None:
    rows = {(row["item"], row["name"]): row for row in json.loads(TABLE.read_text(encoding="utf-8"))["cases"]}
    assert (not run(case, 0).wrong) == rows[case.item, case.name]["right"]
