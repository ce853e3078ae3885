"""`--benchmark` beside other owners of that name, marks, fixtures, workers, and what an idle plugin costs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata, util

import pytest
from inner_run import QUIET, Run
from suite_checks import CHECKS, ITEMS, PASSING, SKIPPED

from rerank_guard.adapters import torch_device

HEALTHY = ("--rerank-target", "fake_targets:healthy")
OWNER = """
def pytest_addoption(parser):
    parser.addoption("--benchmark", action="store_true", default=False, help="of the project")

def pytest_configure(config):
    config.projects_benchmark = config.getoption("--benchmark")
"""
THEIR_TEST = """
def test_projects_option(pytestconfig):
    assert pytestconfig.getoption("--benchmark") is {value}
    assert pytestconfig.option.rerank_benchmark is False
"""


@pytest.mark.parametrize("given", [True, False])
def test_benchmark_of_a_conftest_stays_the_projects(run: Run, pytester: pytest.Pytester, given: bool) -> None:
    pytester.makeconftest(OWNER)
    pytester.makepyfile(THEIR_TEST.format(value=given))
    run(*(["--benchmark"] if given else [])).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "plugins",
    [("-p", "owner"), ("-p", "owner", "-p", "rerank_guard"), ("-p", "rerank_guard", "-p", "owner")],
)
def test_benchmark_of_a_plugin_before_or_after_ours(
    run: Run, pytester: pytest.Pytester, plugins: tuple[str, ...]
) -> None:
    pytester.syspathinsert()
    pytester.makepyfile(owner=OWNER, test_mine=THEIR_TEST.format(value=True))
    run(*plugins, "--benchmark").assert_outcomes(passed=1)


def test_benchmark_of_a_conftest_that_is_loaded_late(run: Run, pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("package")
    inner = folder / "deep"
    inner.mkdir()
    (inner / "conftest.py").write_text(OWNER)
    (inner / "test_deep.py").write_text("def test_deep(): pass")
    run().assert_outcomes(passed=1)


def test_help_lists_benchmark_and_the_rest(run: Run, pytester: pytest.Pytester) -> None:
    text = run("--help").stdout.str()
    for option in (
        "--rerank ",
        "--rerank-gpu",
        "--rerank-target",
        "--rerank-k",
        "--rerank-seed",
        "--rerank-report",
        "--rerank-early-stop",
        "--rerank-continue",
        "--rerank-reference",
        "--rerank-update-reference",
    ):
        assert option in text
    assert "\n  --benchmark  " in text
    assert "\n  --rerank-benchmark" in text
    pytester.makeconftest(OWNER)
    assert "of the project" in run("--help").stdout.str()


@pytest.mark.parametrize("option", ["--benchmark", "--rerank-benchmark"])
def test_throughput_is_timed_with_the_flag(run: Run, pytester: pytest.Pytester, option: str) -> None:
    result = run(*HEALTHY, option, "-k", "throughput", "--benchmark-json=b.json", "--benchmark-max-time=0.05")
    result.assert_outcomes(passed=1, deselected=len(CHECKS))
    extra = json.loads((pytester.path / "b.json").read_text())["benchmarks"][0]["extra_info"]
    assert extra["target"] == "healthy"
    assert extra["prompts"] == 400
    assert extra["prompts_per_second"] > 0
    assert extra["device"] == "abacus"
    assert extra["tokens_per_second"] > 10 * extra["prompts_per_second"]


def test_tokens_are_counted_only_where_prompts_are_shown(run: Run, pytester: pytest.Pytester) -> None:
    minimal = ("--rerank-target", "fake_targets:minimal")
    run(*minimal, "--benchmark", "-k", "throughput", "--benchmark-json=b.json", "--benchmark-max-time=0.05")
    extra = json.loads((pytester.path / "b.json").read_text())["benchmarks"][0]["extra_info"]
    assert "tokens_per_second" not in extra


def test_a_slower_run_fails_against_the_stored_one(run: Run, pytester: pytest.Pytester) -> None:
    """pytest-benchmark's own storage and comparison, on the suite's item: once as it is, once against a faster past."""
    timed = (*HEALTHY, "--benchmark", "-k", "throughput", "--benchmark-max-time=0.05", "--benchmark-min-rounds=3")
    run(*timed, "--benchmark-save=before").assert_outcomes(passed=1, deselected=len(CHECKS))
    (stored,) = pytester.path.glob(".benchmarks/*/*_before.json")
    compared = (*timed, "--benchmark-compare=0001", "--benchmark-compare-fail=median:400%")
    assert run(*compared).ret == 0
    past = json.loads(stored.read_text())
    stats = past["benchmarks"][0]["stats"]
    stats.update({name: value / 1000 for name, value in stats.items() if name in ("min", "max", "mean", "median")})
    stored.write_text(json.dumps(past))
    failed = run(*compared)
    assert failed.ret != 0
    assert "Performance has regressed" in failed.stdout.str() + failed.stderr.str()


def test_throughput_is_skipped_without_the_flag(run: Run) -> None:
    result = run(*HEALTHY, "-k", "throughput", "-rs")
    result.assert_outcomes(skipped=1, deselected=len(CHECKS))
    result.stdout.fnmatch_lines(["SKIPPED*measures throughput: give --rerank-benchmark*"])


def test_throughput_runs_where_the_conftest_owns_benchmark(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(OWNER)
    run(*HEALTHY, "--rerank-benchmark", "-k", "throughput", "--benchmark-disable").assert_outcomes(
        passed=1, deselected=len(CHECKS)
    )


def test_benchmark_only_of_pytest_benchmark_keeps_working(run: Run) -> None:
    run(*HEALTHY, "--benchmark", "--benchmark-only", "--benchmark-max-time=0.05").assert_outcomes(
        passed=1, skipped=len(CHECKS)
    )


def test_flag_without_pytest_benchmark_names_the_extra(run: Run) -> None:
    result = run("--benchmark", "-p", "no:benchmark")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(['*needs pytest-benchmark*pip install "rerank-guard?benchmark?"*'])


def test_suite_runs_without_pytest_benchmark(run: Run) -> None:
    run(*HEALTHY, "-p", "no:benchmark").assert_outcomes(passed=len(PASSING), skipped=SKIPPED)


MARKED = """
import pytest

@pytest.mark.rerank_gpu
def test_gpu(): pass

@pytest.mark.rerank_train
def test_train(): pass

@pytest.mark.rerank_benchmark
def test_benchmark(): pass
"""


def test_marked_tests_skip_and_name_their_flag(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MARKED)
    result = run("-rs", "--strict-markers")
    result.assert_outcomes(skipped=3)
    result.stdout.fnmatch_lines_random(
        ["SKIPPED*give --rerank-gpu", "SKIPPED*give --rerank, --rerank-gpu or*", "SKIPPED*give --rerank-benchmark"]
    )


def test_marked_tests_run_with_their_flag(run: Run, pytester: pytest.Pytester, monkeypatch) -> None:
    monkeypatch.setattr(torch_device, "cuda_problem", lambda: None)
    pytester.makepyfile(MARKED)
    result = run("--rerank-gpu", *HEALTHY, "--rerank-benchmark", "-k", "test_", "-p", "no:terminal")
    assert result.ret == pytest.ExitCode.OK
    result = run("--rerank-gpu", *HEALTHY, "--rerank-benchmark", "-k", "test_")
    result.assert_outcomes(passed=3, deselected=len(ITEMS))


def test_fixtures_share_one_training_job_with_the_suite(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import numpy as np

        def test_run(rerank_training_run):
            assert rerank_training_run.optimizer_steps == 200

        def test_scores(rerank_scores, rerank_tasks):
            assert len(rerank_scores) == len(rerank_tasks) == 400
            assert rerank_scores[0].dtype == np.float64

        def test_trained_before_it_was_scored(rerank_target, rerank_scores):
            assert rerank_target.log[:2] == ["train", "score"]

        def test_device(rerank_device):
            assert rerank_device in ("cpu", "cuda")
        """
    )
    run("--rerank-target", "fake_targets:logged").assert_outcomes(passed=4 + len(PASSING), skipped=SKIPPED)
    assert (pytester.path / "trained.log").read_text() == "trained\n"


def test_fixtures_work_without_the_suite_from_the_ini_target(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", rerank_guard='target = "fake_targets:minimal"\n')
    pytester.makepyfile(
        """
        def test_scores(rerank_scores, rerank_target):
            assert rerank_target.name == "minimal"

        def test_training(rerank_training_run): pass
        """
    )
    result = run("-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*'minimal' has no train(progress)*"])


def test_conftest_may_override_the_target(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import fake_targets, pytest

        @pytest.fixture(scope="session")
        def rerank_target():
            return fake_targets.Minimal(name="mine")
        """
    )
    pytester.makepyfile("def test_mine(rerank_tasks, rerank_target): assert rerank_target.name == 'mine'")
    run().assert_outcomes(passed=1)
    run(*HEALTHY).assert_outcomes(passed=1 + len(PASSING), skipped=SKIPPED)


def test_fixture_of_a_missing_target_fails_without_a_traceback(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", rerank_guard='target = "nowhere:make"\n')
    pytester.makepyfile("def test_mine(rerank_target): pass")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the target 'nowhere:make' cannot be loaded: there is no module 'nowhere'*"])


def test_malformed_scores_fail_the_fixture_with_a_clear_message(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", rerank_guard='target = "fake_targets:score_gives_none"\n')
    pytester.makepyfile("def test_mine(rerank_scores): pass")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*InvalidScoresError: score() gave None of type NoneType as scores*"])


def test_xdist_workers_return_their_verdicts(run: Run, pytester: pytest.Pytester) -> None:
    # A process of its own: workers inherit this one's plugins otherwise.
    result = pytester.runpytest_subprocess(*QUIET, "-n", "2", "--rerank-target", "fake_targets:popularity_better")
    result.assert_outcomes(passed=len(PASSING) - 1, failed=1, skipped=SKIPPED)
    result.stdout.no_fnmatch_line("*400/400*")
    report = json.loads((pytester.path / "rerank-report" / "report.json").read_text())
    assert [verdict["check"] for verdict in report["verdicts"]] == CHECKS
    assert report["diagnosis"]["fault"] == "baseline-not-beaten"


def test_xdist_shows_why_nothing_could_be_collected(run: Run, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*QUIET, "-n", "1", "--rerank-target", "fake_targets:vacuous_cutoff")
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["rerank-guard: the cutoffs of target 'vacuous cutoff' hold K=20*"])


def test_importing_the_plugin_costs_neither_numpy_nor_torch() -> None:
    code = (
        "import sys, rerank_guard.pytest_plugin.plugin\n"
        "heavy = {'numpy', 'scipy', 'torch', 'transformers', 'pandas', 'rerank_model'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_idle_run_imports_neither_numpy_nor_torch(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_light():
            assert not {"numpy", "scipy", "torch"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess(*QUIET, "-p", "no:xdist", "-p", "no:benchmark")
    result.assert_outcomes(passed=1)


def test_device_without_torch_is_cpu(monkeypatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _name: None)
    assert torch_device.find_device() == "cpu"
    assert torch_device.cuda_problem() == "torch is not installed"


def test_cpu_build_of_torch_is_recognised_without_importing_it(monkeypatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _name: object())
    monkeypatch.setattr(metadata, "version", lambda _name: "2.13.0+cpu")
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would raise
    assert torch_device.cuda_problem() == "torch 2.13.0+cpu is a build without CUDA"


class _FakeCuda:
    def __init__(self, available: bool) -> None:
        self._available = available

    def is_available(self) -> bool:
        return self._available

    def device_count(self) -> int:
        return int(self._available)


@pytest.mark.parametrize(("available", "device"), [(True, "cuda"), (False, "cpu")])
def test_cuda_build_is_asked(monkeypatch, available: bool, device: str) -> None:
    from types import SimpleNamespace

    fake = SimpleNamespace(__version__="2.13.0", version=SimpleNamespace(cuda="13.0"), cuda=_FakeCuda(available))
    monkeypatch.setattr(util, "find_spec", lambda _name: object())
    monkeypatch.setattr(metadata, "version", lambda _name: "2.13.0")
    monkeypatch.setitem(sys.modules, "torch", fake)
    assert torch_device.find_device() == device
    problem = torch_device.cuda_problem()
    assert (problem is None) is available
    assert available or "cuda.is_available() = False" in str(problem)
