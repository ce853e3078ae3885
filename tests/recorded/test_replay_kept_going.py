"""The same for the runs that train although a check before training has failed."""

from __future__ import annotations

import pytest

from recorded import data
from recorded.replay import NUMPY, again, recorded, told
from recorded.runs import all_runs

RUNS = all_runs()["kept_going"]
IDS = data.run_ids("kept_going")
STOPPED = [run_id for run_id in IDS if "same_as" not in recorded(*NUMPY)[run_id]]
"""Where the run did not stop, `test_replay.py` has replayed it already."""


@pytest.mark.parametrize("run_id", STOPPED)
def test_it_is_judged_as_recorded(run_id):
    assert run_id in RUNS, "there is no such run any more; record again, or name it in the renames"
    found = again(run_id, RUNS[run_id])
    assert not found, told(found)


def test_every_run_is_recorded():
    assert set(RUNS) == set(IDS)
    assert len(STOPPED) > len(IDS) // 3
