"""`rerank-guard plan`: its figures are those of stats.power, its errors name the value and the range."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from rerank_guard.cli import plan as plan_module
from rerank_guard.cli.main import main
from rerank_guard.cli.plan import plan_checks, plan_lines
from rerank_guard.core.defaults import RECALL_EFFECT
from rerank_guard.core.errors import RerankGuardError, VacuousMetricError
from rerank_guard.stats.letters import LettersAgainstChance
from rerank_guard.stats.power import hits_needed, hits_tolerated, users_until, when_decided

ISSUE = ["plan", "--n-candidates", "50", "--k", "20", "--effect", "0.1"]
LARGE = 0.3
"""A declared effect that few users fail: the figures for failing are what takes time, and most tests do not look at them."""

planned = cache(plan_checks)


@pytest.fixture
def examples_alone(monkeypatch):
    """The users are not planned: their exact distribution is what takes time."""
    monkeypatch.setattr(plan_module, "_users", lambda *_: (None, None))
    monkeypatch.setattr(plan_module, "_users_to_fail", lambda *_: None)


@pytest.mark.parametrize(("n", "k", "effect"), [(50, 20, 0.2), (20, 1, 0.1)])
def test_users_are_those_of_the_exact_distribution(n, k, effect):
    plan = planned(n_candidates=n, k=k, effect=effect, declared_effect=0.1)
    assert (plan.chance, plan.recall) == (k / n, k / n + effect)
    users = 1000
    passed, _ = when_decided(plan.recall, hits_needed(plan.chance, users, 1e-3))
    assert plan.users_median == users_until(0.5, passed)
    assert plan.users_most == users_until(0.95, passed)
    assert plan.users_median < plan.users_most
    _, failed = when_decided(
        plan.chance,
        hits_needed(plan.chance, users, 1e-3),
        hits_tolerated(plan.chance + plan.declared_effect, users, 1e-3),
    )
    assert plan.users_to_fail == users_until(0.5, failed)


@pytest.mark.usefixtures("examples_alone")
@pytest.mark.parametrize(("k", "declared"), [(25, RECALL_EFFECT), (1, 1 / 50), (49, 0.01)])
def test_the_declared_effect_is_never_above_chance_nor_half_of_the_way_to_one(k, declared):
    assert plan_checks(n_candidates=50, k=k, effect=0.01).declared_effect == pytest.approx(declared)


@pytest.mark.parametrize(("n", "k", "effect", "most"), [(20, 1, 0.1, 108), (20, 5, 0.2, 81), (50, 20, 0.2, 94), (50, 20, 0.1, 372)])  # fmt: skip
def test_the_figures_that_were_promised(n, k, effect, most):
    assert planned(n_candidates=n, k=k, effect=effect, declared_effect=LARGE).users_median <= most


def test_a_stricter_level_and_a_smaller_effect_need_more():
    base, strict, small = (
        planned(n_candidates=20, k=5, effect=effect, alpha=alpha, declared_effect=LARGE)
        for effect, alpha in ((0.2, 1e-3), (0.2, 1e-6), (0.1, 1e-3))
    )
    for more in (strict, small):
        assert more.users_median > base.users_median
        assert more.users_most > base.users_most
        assert more.examples > base.examples


@pytest.mark.usefixtures("examples_alone")
def test_the_least_gain_is_that_of_the_flattest_letters_with_this_recall():
    plan = plan_checks(n_candidates=50, k=20, effect=0.1)
    flat = np.r_[np.full(20, 0.5 / 20), np.full(30, 0.5 / 30)]
    assert plan.gain == pytest.approx(math.log(50) + float((flat * np.log(flat)).sum()), abs=1e-12)
    assert not plan.gain_was_given


@pytest.mark.usefixtures("examples_alone")
def test_the_examples_are_enough_for_most_jobs_at_that_gain():
    """Letters as flat as the recall allows: half of them and more are decided by then. 200 jobs, fixed seed."""
    plan = plan_checks(n_candidates=50, k=20, effect=0.2)
    rng = np.random.default_rng(0)
    decided = 0
    for _ in range(200):
        inside = rng.random(plan.examples) < plan.recall
        nll = -np.log(np.where(inside, plan.recall / 20, (1 - plan.recall) / 30))
        chance = LettersAgainstChance()
        for begin in range(0, plan.examples, plan.batch_size):
            rows = nll[begin : begin + plan.batch_size, None]
            chance.update(rows, np.full(len(rows), 50))
        decided += chance.largest >= math.log(1 / plan.alpha)
    assert decided >= 120


@pytest.mark.usefixtures("examples_alone")
def test_steps_are_the_examples_in_batches():
    for batch_size in (1, 16, 10_000):
        plan = plan_checks(n_candidates=50, k=20, effect=0.4, gain=0.5, batch_size=batch_size)
        assert plan.steps == math.ceil(plan.examples / batch_size) >= 1
        assert plan.examples >= batch_size
        assert plan.gain == 0.5
        assert plan.gain_was_given


def test_beyond_the_horizon_it_says_so(monkeypatch):
    monkeypatch.setattr(plan_module, "_MOST_USERS", 500)
    plan = plan_checks(n_candidates=50, k=20, effect=0.001, declared_effect=0.01)
    assert (plan.users_median, plan.users_most, plan.users_to_fail) == (None, None, None)
    assert "\n".join(plan_lines(plan)).count("500") == 3


def test_a_perfect_reranker_can_be_planned_for():
    plan = planned(n_candidates=20, k=5, effect=0.75, declared_effect=LARGE)
    assert plan.users_median == plan.users_most < 12
    assert plan.gain == pytest.approx(math.log(4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"effect": 0.0}, "effect of 0.0 over a chance of 0.400"),
        ({"effect": -0.1}, "give an effect above 0 and at most 0.600"),
        ({"effect": 0.7}, r"is a Recall@20 of 1\.100"),
        ({"effect": math.nan}, "effect of nan"),
        ({"n_candidates": 1, "k": 1}, "N=1 is no ranking"),
        ({"alpha": 0.0}, "alpha=0.0 is no usable level"),
        ({"alpha": 0.5}, "alpha=0.5"),
        ({"alpha": math.nan}, "alpha=nan"),
        ({"declared_effect": -0.1}, "declared_effect=-0.1 is not a share"),
        ({"declared_effect": math.nan}, "declared_effect=nan"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"gain": 0.0}, r"gain=0\.0.*at most log N = 3\.912"),
        ({"gain": 4.0}, r"gain=4\.0"),
        ({"gain": math.nan}, "gain=nan"),
    ],
)
def test_what_no_check_can_have_is_refused(change, words):
    with pytest.raises(RerankGuardError, match=words):
        plan_checks(**{"n_candidates": 50, "k": 20, "effect": 0.1} | change)


@pytest.mark.parametrize("k", [0, -1, 50, 51])
def test_a_vacuous_cutoff_is_refused(k):
    with pytest.raises(VacuousMetricError):
        plan_checks(n_candidates=50, k=k, effect=0.1)


def test_the_command_prints_the_plan(capsys):
    command = ["--n-candidates", "50", "--k", "20", "--effect", "0.2", "--declared-effect", str(LARGE)]
    assert main(["plan", *command]) == 0
    out = capsys.readouterr().out
    plan = planned(n_candidates=50, k=20, effect=0.2, declared_effect=LARGE)
    assert out.splitlines() == list(plan_lines(plan))
    for shown in ("0.400", "0.600", "0.001", plan.users_median, plan.users_most, plan.steps):
        assert str(shown) in out
    assert "0.098" in out, "a gain below the declared one stays inconclusive"


@pytest.mark.usefixtures("examples_alone")
def test_options_reach_the_plan(capsys):
    assert main([*ISSUE, "--declared-effect", "0.1", "--alpha", "0.01", "--batch-size", "32", "--gain", "1.5"]) == 0
    plan = plan_checks(n_candidates=50, k=20, effect=0.1, declared_effect=0.1, alpha=0.01, batch_size=32, gain=1.5)
    assert (plan.declared_effect, plan.alpha, plan.batch_size, plan.gain) == (0.1, 0.01, 32, 1.5)
    assert capsys.readouterr().out.splitlines() == list(plan_lines(plan))
    assert plan.gain_was_given
    assert not any("0.098" in line for line in plan_lines(plan)), "the gain is above the declared one"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--n-candidates", "20", "--k", "20", "--effect", "0.1"], "Recall@20 with at most 20 candidates is 1"),
        (["--n-candidates", "20", "--k", "5", "--effect", "0.9"], "give an effect above 0 and at most 0.750"),
    ],
)
def test_errors_of_the_command_are_one_line_and_status_2(capsys, args, words):
    assert main(["plan", *args]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("rerank-guard: error: ")
    assert words in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    "args", [[], ["plan"], ["plan", "--n-candidates", "many", "--k", "5", "--effect", "0.1"], ["plot"]]
)
def test_a_wrong_command_line_shows_the_usage(capsys, args):
    with pytest.raises(SystemExit) as stopped:
        main(args)
    assert stopped.value.code == 2
    assert "usage: rerank-guard" in capsys.readouterr().err


@pytest.mark.slow
def test_it_runs_as_a_module_without_torch():
    code = f"import sys, rerank_guard.cli.main as c; c.main({ISSUE!r}); sys.exit('torch' in sys.modules)"
    for command in (["-m", "rerank_guard.cli.main", *ISSUE], ["-c", code]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Recall@20 of 50 candidates")
        assert done.stderr == ""
