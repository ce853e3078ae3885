"""Every recorded run: the diagnosis of its verdicts is the one that was recorded with them."""

from __future__ import annotations

import pytest

from diagnosis.recorded_verdicts import PARTS, records, verdicts_of
from recorded import data
from recorded.compare import differences, family
from rerank_guard.checks.registry import check_of
from rerank_guard.core.diagnosis import UNDECIDED, Diagnosis
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.prompts import LETTER_CANDIDATE_MISMATCH
from rerank_guard.core.faults.scoring import REVERSED, ROWS_MISALIGNED
from rerank_guard.diagnosis import diagnose

MISREADINGS = {fault.name for fault in (REVERSED, ROWS_MISALIGNED, LABEL_OFFSET, LETTER_CANDIDATE_MISMATCH)}
"""What `what_if_probes` finds."""

RUNS = [
    run_id
    for run_id, one in records().items()
    if one["verdicts"] and "same_as" not in one  # a run that did not stop is recorded under both names
]


def gone(record: data.Record) -> set[str]:
    """Checks of the record that the suite no longer has."""
    return {family(name) for name in record["verdicts"] if check_of(name) is None}


def named_by_a_probe(record: data.Record) -> bool:
    """Whether fault or runner-up is a misreading that no verdict suspects: a probe of the scores, which are not recorded."""
    told = record["diagnosis"]
    if told is None or told["fault"] == UNDECIDED:
        return False
    left = MISREADINGS - {verdict["fault"] for verdict in record["verdicts"].values()}
    return told["fault"] in left or told["runner_up"] in left - fault_named(told["fault"]).confused_with


def as_recorded(diagnosis: Diagnosis | None) -> dict[str, object] | None:
    return diagnosis and {
        "fault": diagnosis.fault,
        "certainty": str(diagnosis.certainty),
        "explains": list(diagnosis.explains),
        "runner_up": diagnosis.runner_up and diagnosis.runner_up.fault,
        "alternatives": [row.partition(":")[0] for row in diagnosis.alternatives],
    }


@pytest.mark.parametrize("run_id", [run_id for run_id in RUNS if not named_by_a_probe(records()[run_id])])
def test_the_diagnosis_is_the_recorded_one(run_id):
    record = records()[run_id]
    told = as_recorded(diagnose(verdicts_of(run_id)))
    if told is not None and record["diagnosis"] is not None and gone(record):
        # what a check that is gone had excluded may be a rival or the next suspect now
        told |= {name: record["diagnosis"][name] for name in ("certainty", "runner_up", "alternatives")}
    again = {**record, "diagnosis": told}
    assert [str(each) for each in differences(record, again, removed=gone(record))] == []


def test_few_runs_need_a_probe():
    assert set(data.run_ids("faults")) <= set(records())
    assert {part for part in PARTS for run_id in data.run_ids(part) if run_id in RUNS} >= {"faults", "kept_going"}
    assert sum(named_by_a_probe(records()[run_id]) for run_id in RUNS) <= len(RUNS) // 20


@pytest.mark.parametrize("run_id", [run_id for run_id in RUNS if records()[run_id]["diagnosis"] is not None])
def test_a_diagnosis_has_words_and_evidence_for_what_it_explains(run_id):
    diagnosis = diagnose(verdicts_of(run_id))
    if diagnosis is None:
        assert gone(records()[run_id])
        pytest.skip("the check that failed is no longer in the suite")
    assert diagnosis.cause
    assert diagnosis.fix
    assert 1 <= len(diagnosis.evidence) <= 5
    assert diagnosis.explains
    assert diagnosis.runner_up is None or diagnosis.runner_up.fault != diagnosis.fault
