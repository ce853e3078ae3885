"""Case 14: where the scores are not those of the forward pass, a reading that ranks better does not overrule that."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.patterns import CHANCE, found, probe
from diagnosis.recorded_verdicts import pattern
from rerank_guard.faults import TrainedOnce
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.faults.rescored import rescored
from rerank_guard.suite import RunSettings, check_reranker

READINGS = ["label-offset", "rows-misaligned", "reversed", "letter-candidate-mismatch"]
FORWARD = "scores_match_forward_pass"


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(
    "also", [{}, {"loss_below_random": "no-signal"}, {"calibrated": "over-confident"}], ids=str
)
def test_the_forward_pass_comes_first(reading, also):
    diagnosis = found(pattern({**CHANCE, **also, FORWARD: "scores-not-from-model"}), probe(reading))
    assert diagnosis.fault != reading
    assert FORWARD in diagnosis.explains


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("missing", [(), (FORWARD,)], ids=["agrees", "not-shown"])
def test_elsewhere_a_probe_is_measured_and_never_seen(reading, missing):
    diagnosis = found(pattern(CHANCE, missing=missing), probe(reading))
    assert diagnosis.fault == reading
    assert str(diagnosis.certainty) == "likely"


@pytest.fixture(scope="module")
def trained():
    return TrainedOnce(make_healthy(0))


@pytest.mark.parametrize("step", [1, -1, 2])
def test_scores_of_another_prompt_whose_letters_are_one_on(trained, step):
    """As without the generation prompt: the letter after the target's is preferred, and all else is different too."""
    rng = np.random.default_rng(step + 5)

    def change(tasks, rows):
        return [
            np.roll(np.sign(row - row.mean()) * np.abs(row - row.mean()) ** 0.3, step) + rng.normal(size=len(row))
            for row in rows
        ]

    report = check_reranker(rescored(trained, change), RunSettings(seed=0))
    assert report.diagnosis.fault != "label-offset"
