"""`rerank-guard plan`: its figures are those of stats.power, its errors name the value and the range."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from rerank_guard.cli import main
from rerank_guard.errors import RerankGuardError, VacuousMetricError
from rerank_guard.plan import plan_gate, plan_lines
from rerank_guard.stats.letters import LettersAgainstChance
from rerank_guard.stats.power import hits_needed, hits_tolerated, users_until, when_decided

ISSUE = ["plan", "--n-candidates", "50", "--k", "20", "--effect", "0.1"]


@pytest.mark.parametrize(("n", "k", "effect"), [(50, 20, 0.1), (20, 5, 0.2), (20, 1, 0.1), (10, 9, 0.05)])
def test_users_are_those_of_the_exact_distribution(n, k, effect):
    plan = plan_gate(n_candidates=n, k=k, effect=effect)
    assert (plan.chance, plan.recall) == (k / n, k / n + effect)
    passed, _ = when_decided(plan.recall, hits_needed(plan.chance, 2500, 1e-3))
    assert plan.users_median == users_until(0.5, passed)
    assert plan.users_most == users_until(0.95, passed)
    assert plan.users_median < plan.users_most
    assert plan.declared_effect == pytest.approx(min(0.05, plan.chance, (1 - plan.chance) / 2))
    _, failed = when_decided(
        plan.chance,
        hits_needed(plan.chance, 2500, 1e-3),
        hits_tolerated(plan.chance + plan.declared_effect, 2500, 1e-3),
    )
    assert plan.users_to_fail == users_until(0.5, failed)


@pytest.mark.parametrize(("n", "k", "effect", "most"), [(20, 1, 0.1, 108), (20, 5, 0.2, 81), (50, 20, 0.2, 94), (50, 20, 0.1, 372)])  # fmt: skip
def test_the_figures_that_were_promised(n, k, effect, most):
    assert plan_gate(n_candidates=n, k=k, effect=effect).users_median <= most


def test_a_stricter_level_and_a_smaller_effect_need_more():
    base, strict, small = (
        plan_gate(n_candidates=20, k=5, effect=effect, alpha=alpha)
        for effect, alpha in ((0.2, 1e-3), (0.2, 1e-6), (0.1, 1e-3))
    )
    for more in (strict, small):
        assert more.users_median > base.users_median
        assert more.users_most > base.users_most
        assert more.examples > base.examples


def test_the_least_gain_is_that_of_the_flattest_letters_with_this_recall():
    plan = plan_gate(n_candidates=50, k=20, effect=0.1)
    flat = np.r_[np.full(20, 0.5 / 20), np.full(30, 0.5 / 30)]
    assert plan.gain == pytest.approx(math.log(50) + float((flat * np.log(flat)).sum()), abs=1e-12)
    assert not plan.gain_was_given


def test_the_examples_are_enough_for_most_jobs_at_that_gain():
    """Letters as flat as the recall allows: half of them and more are decided by then. 200 jobs, fixed seed."""
    plan = plan_gate(n_candidates=50, k=20, effect=0.2)
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


def test_steps_are_the_examples_in_batches():
    for batch_size in (1, 16, 10_000):
        plan = plan_gate(n_candidates=50, k=20, effect=0.4, gain=0.5, batch_size=batch_size)
        assert plan.steps == math.ceil(plan.examples / batch_size) >= 1
        assert plan.examples >= batch_size
        assert plan.gain == 0.5
        assert plan.gain_was_given


def test_beyond_the_horizon_it_says_so():
    plan = plan_gate(n_candidates=50, k=20, effect=0.001)
    assert (plan.users_median, plan.users_most) == (None, None)
    assert "more than 20,000 (half of such rerankers), more than 20,000 (95 %)" in "\n".join(plan_lines(plan))


def test_a_perfect_ranker_can_be_planned_for():
    plan = plan_gate(n_candidates=20, k=5, effect=0.75)
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
        ({"alpha": 0.0}, "alpha=0.0 is not a usable level"),
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
def test_what_no_gate_can_have_is_refused(change, words):
    with pytest.raises(RerankGuardError, match=words):
        plan_gate(**{"n_candidates": 50, "k": 20, "effect": 0.1} | change)


@pytest.mark.parametrize("k", [0, -1, 50, 51])
def test_a_vacuous_cutoff_is_refused(k):
    with pytest.raises(VacuousMetricError):
        plan_gate(n_candidates=50, k=k, effect=0.1)


def test_the_command_prints_the_plan(capsys):
    assert main(ISSUE) == 0
    out = capsys.readouterr().out
    plan = plan_gate(n_candidates=50, k=20, effect=0.1)
    assert out.splitlines() == list(plan_lines(plan))
    assert "Recall@20 of 50 candidates: chance is 0.400, expected 0.500, alpha 0.001" in out
    assert f"users to PASS           {plan.users_median} (half of such rerankers), {plan.users_most} (95 %)" in out
    assert f"{plan.steps} steps of 16" in out
    assert "the gate also asks for a gain of 0.098 nats" in out, "a gain below the declared one stays inconclusive"


def test_options_reach_the_plan(capsys):
    assert main([*ISSUE, "--declared-effect", "0.1", "--alpha", "0.01", "--batch-size", "32", "--gain", "1.5"]) == 0
    plan = plan_gate(n_candidates=50, k=20, effect=0.1, declared_effect=0.1, alpha=0.01, batch_size=32, gain=1.5)
    out = capsys.readouterr().out
    assert out.splitlines() == list(plan_lines(plan))
    assert "(as given)" in out
    assert "note" not in out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--n-candidates", "20", "--k", "20", "--effect", "0.1"], "Recall@20 with 20 candidates is 1"),
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


def test_it_runs_as_a_module_without_torch():
    code = f"import sys, rerank_guard.cli as c; c.main({ISSUE!r}); sys.exit('torch' in sys.modules)"
    for command in (["-m", "rerank_guard.cli", *ISSUE], ["-c", code]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Recall@20 of 50 candidates")
        assert done.stderr == ""
