"""Timings in a reference run: they are read back, files without them stay readable, and damage is an error."""

from __future__ import annotations

import json

import numpy as np
import pytest

from guard.builders import make_tasks
from rerank_guard.core.errors import StoredRunError
from rerank_guard.core.throughput import Throughput
from rerank_guard.stored import read_stored_run, stored_run_of, write_stored_run
from rerank_guard.stored.schema import checksum_of

TIMED = Throughput(4, (0.5, 0.25), (0.01, 0.02), (0.125, 1.0), "cpu; a processor, 2 cores")


def a_run(throughput):
    return stored_run_of(
        [np.arange(3.0)] * 2,
        make_tasks([0, 2], [3, 3]),
        target="tiny reranker",
        created="2026-01-31",
        seed=0,
        versions={},
        conditions=None,
        throughput=throughput,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "baseline.json"


def test_a_run_without_timings_is_the_file_that_it_was_before_there_were_any(path):
    write_stored_run(path, a_run(None))
    assert "throughput" not in json.loads(path.read_text())
    assert read_stored_run(path).throughput is None


def test_timings_come_back_and_are_covered_by_the_checksum(path):
    write_stored_run(path, a_run(TIMED))
    assert read_stored_run(path).throughput == TIMED
    path.write_text(path.read_text().replace("0.25", "0.75"))
    with pytest.raises(StoredRunError, match="checksum is"):
        read_stored_run(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda timed: timed.pop("device"), "the key 'throughput.device' is missing"),
        (lambda timed: timed.update(gpu=1), "the key 'throughput.gpu' is unknown"),
        (lambda timed: timed.update(users=1.5), r"throughput\.users is 1\.5"),
        (lambda timed: timed.update(users=0), "throughput of 0 users"),
        (lambda timed: timed.update(device=3), r"throughput\.device is 3"),
        (lambda timed: timed.update(seconds=0.5), r"throughput\.seconds is 0\.5; it has to be a list"),
        (lambda timed: timed.update(seconds=[]), "seconds is"),
        (lambda timed: timed.update(loop_seconds=[0.1]), "loop_seconds has 1 timings for 2"),
        (lambda timed: timed.update(matmul_seconds=[0.1, -1]), "matmul_seconds holds -1"),
        (lambda timed: timed.update(matmul_seconds=[0.1, "1"]), "matmul_seconds holds '1'"),
        (lambda timed: timed.update(matmul_seconds=[0.1, None]), "matmul_seconds holds None"),
    ],
)
def test_timings_are_read_as_strictly_as_the_rest(path, change, message):
    write_stored_run(path, a_run(TIMED))
    data = json.loads(path.read_text())
    change(data["throughput"])
    data["checksum"] = checksum_of(data)
    path.write_text(json.dumps(data))
    with pytest.raises(StoredRunError, match=message):
        read_stored_run(path)
