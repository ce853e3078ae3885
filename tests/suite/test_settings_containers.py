"""Settings of a run in another container than they are read from: refused, with the value and what to give."""

from __future__ import annotations

import pytest

from rerank_guard.core.errors import ConfigError, VacuousMetricError
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.suite import check_reranker
from rerank_guard.suite.settings import RunSettings


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("cutoffs", 5, r"give \(5,\)"),
        ("cutoffs", "5", r"give \(5, 20\)"),
        ("select", "data", r"give \('data',\)"),
        ("ignore", "data", r"give \('data',\)"),
        ("ignore", 3, r'give such as \("data",\)'),
        ("select", (3,), r'give such as \("data",\)'),
        ("preview", "no", "give one of them"),
        ("early_stop", 1, "give one of them"),
        ("continue_after_failure", "yes", "give one of them"),
        ("expected", ("calibrated",), "give {'calibrated'"),
        ("checks", "calibrated", "give {'calibrated'"),
        ("checks", {"calibrated": 0.1}, "give {'alpha'"),
    ],
)
def test_another_container_is_refused_with_the_value_and_the_fix(key, value, fix):
    with pytest.raises(ConfigError, match=fix) as refused:
        RunSettings(**{key: value})
    shown = value["calibrated"] if isinstance(value, dict) else value
    assert repr(shown) in str(refused.value)


def test_a_vacuous_cutoff_of_a_file_names_file_and_key(tmp_path):
    file = tmp_path / "rerank_guard.toml"
    file.write_text("k = [500]\n", encoding="utf-8")
    with pytest.raises(VacuousMetricError, match=r"rerank_guard\.toml: k hold K=500"):
        check_reranker(make_healthy(), config=file)


def test_a_vacuous_cutoff_of_a_call_names_the_field():
    with pytest.raises(VacuousMetricError, match="RunSettings: cutoffs hold K=500"):
        check_reranker(make_healthy(), RunSettings(cutoffs=(500,)))
