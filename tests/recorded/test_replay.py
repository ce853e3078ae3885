"""Every recorded run that stops before training where a check fails: the suite says what it said."""

from __future__ import annotations

import pytest

from recorded import data
from recorded.replay import NUMPY, again, told
from recorded.runs import all_runs

RUNS = {run_id: run for name, runs in all_runs().items() if name != "kept_going" for run_id, run in runs.items()}
IDS = [run_id for name in NUMPY if name != "kept_going" for run_id in data.run_ids(name)]


@pytest.mark.parametrize("run_id", IDS)
def test_it_is_judged_as_recorded(run_id):
    assert run_id in RUNS, "there is no such run any more; record again, or name it in the renames"
    found = again(run_id, RUNS[run_id])
    assert not found, told(found)


def test_every_run_is_recorded():
    assert set(RUNS) == set(IDS)
