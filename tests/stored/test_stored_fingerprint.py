"""Fingerprints: every part of a task counts, equal things are equal, and the parts say where a difference lies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank_guard.core.errors import InvalidTaskError, StoredRunError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.stored import (
    RunConditions,
    data_fingerprint,
    data_part_fingerprints,
    mapping_fingerprint,
    text_fingerprint,
)

A, B, C, D = (Item(name, f"film {name}") for name in "abcd")
TASK = RankingTask("u1", (A, B), (C, D), "c", 0, (0.5, 0.25))
OTHER = RankingTask("u2", (), (A, B, C), "zzz", None)
TASKS = [TASK, OTHER]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"query_id": "u3"}, set()),  # another place in the order as well, see below
        ({"history": (B, A)}, {"histories", "texts"}),
        ({"history": (A,)}, {"histories", "texts"}),
        ({"history": (A, Item("x", B.text))}, {"histories"}),
        ({"candidates": (D, C)}, {"candidates", "texts"}),
        ({"candidates": (Item("x", C.text), D)}, {"candidates"}),
        ({"candidates": (C, Item("d", "film d, remastered"))}, {"texts"}),
        ({"target_id": "d"}, {"targets"}),
        ({"target_index": 1}, {"targets"}),
        ({"target_index": None}, {"targets"}),
        ({"first_stage_scores": (0.5, 0.250000001)}, {"first_stage_scores"}),
        ({"first_stage_scores": (0.5, float("-inf"))}, {"first_stage_scores"}),
        ({"first_stage_scores": None}, {"first_stage_scores"}),
        ({"query": "films like these"}, {"texts"}),
        ({"relevance": {"c": 1.0, "d": 2.0}}, {"targets"}),
        ({"relevance": {"c": 2.0}}, {"targets"}),
        ({"scored": (True, False)}, {"candidates"}),
    ],
)
def test_each_field_of_a_task_changes_the_data_fingerprint_and_its_own_part(change, parts):
    changed = [replace(TASK, **change), OTHER]
    assert data_fingerprint(changed) != data_fingerprint(TASKS)
    before, after = data_part_fingerprints(TASKS), data_part_fingerprints(changed)
    if parts:
        assert {part for part in before if before[part] != after[part]} == parts
    else:
        assert before["query_ids"] != after["query_ids"]


def test_the_order_of_the_tasks_does_not_matter_and_equal_numbers_are_equal():
    as_ints = replace(TASK, first_stage_scores=(1, 0))
    as_floats = replace(TASK, first_stage_scores=(1.0, 0.0))
    assert data_fingerprint([OTHER, TASK]) == data_fingerprint(TASKS)
    assert data_fingerprint([as_ints]) == data_fingerprint([as_floats])


def test_a_table_has_the_fingerprint_of_its_tasks():
    graded = replace(
        OTHER, query_id="u0", relevance={"zzz": 1.0, "a": 0.5}, query="which next?", scored=(True,) * 3
    )
    tasks = [*TASKS, graded]
    assert data_part_fingerprints(TaskTable.of(tasks)) == data_part_fingerprints(tasks)


def test_defaults_that_are_written_out_change_nothing():
    written_out = replace(TASK, query="", relevance={"c": 1.0}, scored=(True, True))
    assert data_part_fingerprints([written_out, OTHER]) == data_part_fingerprints(TASKS)


def test_a_known_task_keeps_its_fingerprints():
    """A change here makes every stored reference run incomparable, so it has to be wanted."""
    assert data_fingerprint(TASKS) == "e435bc9bb79ef771212e27f28c6fcdcb0366afc61bf53edc1d427f330637f264"


def test_text_that_moves_from_one_item_to_its_neighbour_is_another_text():
    first = replace(TASK, history=(Item("a", "x,y"), Item("b", "z")))
    second = replace(TASK, history=(Item("a", "x"), Item("b", "y,z")))
    third = replace(TASK, history=(Item("a", 'x","y'), Item("b", "z")))
    assert len({data_fingerprint([task]) for task in (first, second, third)}) == 3


def test_data_that_cannot_be_paired_or_hashed_is_refused_by_name():
    with pytest.raises(InvalidTaskError, match="'u1' appears twice"):
        data_fingerprint([TASK, TASK])
    with pytest.raises(InvalidTaskError, match="query_id 7 is not text"):
        data_fingerprint([replace(TASK, query_id=7)])
    with pytest.raises(InvalidTaskError, match=r"query 'u1' cannot be hashed.*give ids and texts as str"):
        data_fingerprint([replace(TASK, target_id=object())])


values = st.one_of(st.text(max_size=4), st.integers(-9, 9), st.floats(-9, 9), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=3), values, max_size=4), st.text(max_size=3), values)
def test_a_mapping_is_hashed_whatever_its_order_and_by_every_entry(mapping, key, value):
    assert mapping_fingerprint(dict(reversed(mapping.items()))) == mapping_fingerprint(mapping)
    changed = {**mapping, key: value}
    unchanged = (
        key in mapping and mapping[key] == value and isinstance(mapping[key], bool) == isinstance(value, bool)
    )
    assert (mapping_fingerprint(changed) == mapping_fingerprint(mapping)) is unchanged


def test_one_and_one_point_zero_are_one_setting_and_true_is_another():
    assert mapping_fingerprint({"r": 1}) == mapping_fingerprint({"r": 1.0})
    assert mapping_fingerprint({"r": 1}) != mapping_fingerprint({"r": True})
    assert mapping_fingerprint({"r": 1}) != mapping_fingerprint({"r": "1"})


def test_text_is_hashed_as_utf_8_even_where_it_holds_half_a_surrogate_pair():
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc": FIPS 180-2, appendix B.1
    assert text_fingerprint("abc") == known
    assert text_fingerprint("\ud800") != text_fingerprint("\udbff")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tokenizer": ""}, "tokenizer is empty"),
        ({"tokenizer": 7}, "tokenizer is 7"),
        ({"prompt": b"x"}, "prompt is b'x'"),
        ({"config": {"lr": float("nan")}}, r"config\['lr'\] is nan"),
        ({"config": {"lr": [1]}}, r"config\['lr'\] is \[1\] of type list"),
        ({"config": {"lr": None}}, r"config\['lr'\] is None of type NoneType"),
        ({"config": {3: 1}}, "config has the key 3"),
        ({"config": [1]}, r"config is \[1\]"),
        ({"sampler": None}, "sampler is None"),
    ],
)
def test_conditions_that_cannot_be_stored_are_refused_with_the_value(fields, message):
    with pytest.raises(StoredRunError, match=message):
        RunConditions(**{"tokenizer": "t", "prompt": "p", **fields})


def test_conditions_keep_what_they_were_given():
    config = {"lr": 0.001}
    conditions = RunConditions("t", "p", config)
    config["lr"] = 1.0
    assert conditions.config == {"lr": 0.001}
