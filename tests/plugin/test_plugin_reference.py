"""A reference run through the plugin: stored on demand, compared with, refused under other conditions, never lost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from inner_run import QUIET, Run
from suite_checks import ITEMS, PASSING, SKIPPED

from rerank_guard.stored import read_stored_run, write_stored_run

FILE = "stored.json"
STORE = ("--rerank-reference", FILE, "--rerank-update-reference")
COMPARED = ("--rerank-reference", FILE, "--rerank-select", "recall_beats_baseline,no_regression")
"""Only what these tests are about: each of the two has one item, and neither times the scoring."""

TIMED = ("--rerank-reference", FILE, "--rerank-select", "recall_beats_baseline,no_slowdown")


def target(name: str) -> tuple[str, str]:
    return "--rerank-target", f"fake_targets:{name}"


def load_report(pytester: pytest.Pytester) -> dict:
    return json.loads((pytester.path / "rerank-report" / "report.json").read_text(encoding="utf-8"))


def regression(pytester: pytest.Pytester) -> dict:
    (verdict,) = (v for v in load_report(pytester)["verdicts"] if v["check"] == "no_regression[K=5]")
    return verdict


_STORED: list[str] = []


@pytest.fixture
def stored(run: Run, pytester: pytest.Pytester) -> str:
    """The text of a reference run of the healthy reranker; made once, since storing times the scoring."""
    if not _STORED:
        assert run(*target("healthy"), *STORE).ret == pytest.ExitCode.OK
        _STORED.append((pytester.path / FILE).read_text(encoding="utf-8"))
    (pytester.path / FILE).write_text(_STORED[0], encoding="utf-8")
    return _STORED[0]


def test_update_writes_the_run_and_judges_nothing_by_it(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*target("healthy"), *STORE)
    result.assert_outcomes(passed=len(PASSING), skipped=SKIPPED)
    result.stdout.fnmatch_lines([f"reference run updated: *{FILE}"])
    data = json.loads((pytester.path / FILE).read_text(encoding="utf-8"))
    assert (data["target"], data["seed"], data["data"]["users"]) == ("healthy", 0, 400)
    assert data["conditions"]["tokenizer"] == "words, letters and bytes"
    assert data["conditions"]["config"] == {"learning_rate": 3e-3, "steps": 200, "early_stop": False}
    assert [entry.name for entry in pytester.path.iterdir() if entry.name.endswith(".tmp")] == []


def test_a_second_run_is_compared_with_it_and_passes(run: Run, pytester: pytest.Pytester, stored: str) -> None:
    result = run(*target("healthy"), *COMPARED)
    result.assert_outcomes(passed=2, skipped=1)
    verdict = regression(pytester)
    assert verdict["status"] == "passed"
    assert verdict["measured"]["difference"] == 0.0
    assert (pytester.path / FILE).read_text(encoding="utf-8") == stored, "only an update writes"


def test_the_check_is_there_only_with_a_reference_run_and_once_a_cutoff(
    run: Run, pytester: pytest.Pytester, stored: str
) -> None:
    def checks(*args: str) -> list[str]:
        lines = run(*target("healthy"), *args, "--collect-only", "-q").outlines
        return [line.partition("::")[2] for line in lines if "::no_regression" in line]

    assert checks() == []
    assert checks(*STORE) == []
    assert checks(*COMPARED, "--rerank-k", "3,7") == ["no_regression[K=3]", "no_regression[K=7]"]


def test_the_scoring_of_a_reference_run_was_timed_and_later_runs_are_compared_with_it(
    run: Run, pytester: pytest.Pytester, stored: str
) -> None:
    assert len(json.loads(stored)["throughput"]["seconds"]) >= 12

    def checks(*args: str) -> list[str]:
        return [
            line for line in run(*target("healthy"), *args, "--collect-only", "-q").outlines if "::no_slow" in line
        ]

    assert checks() == []
    assert checks(*TIMED) == ["rerank::no_slowdown"]
    file = pytester.path / FILE
    reference = read_stored_run(file)
    assert reference.throughput is not None
    faster = replace(reference.throughput, seconds=tuple(each / 20.0 for each in reference.throughput.seconds))
    write_stored_run(file, replace(reference, throughput=faster))  # by more than a busy machine's clock can be off
    result = run(*target("laborious"), *TIMED)
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    (verdict,) = (v for v in load_report(pytester)["verdicts"] if v["check"] == "no_slowdown")
    assert (verdict["status"], verdict["fault"]) == ("failed", "slower")
    write_stored_run(file, replace(reference, throughput=None))
    assert checks(*STORE[:2]) == [], "a run stored before scoring was timed"
    assert run(*target("laborious"), *COMPARED).ret == pytest.ExitCode.OK


def test_a_worse_run_fails_although_it_beats_every_baseline(
    run: Run, pytester: pytest.Pytester, stored: str
) -> None:
    result = run(*target("worse"), *COMPARED)
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED rerank::no_regression?K=5?*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    verdict = regression(pytester)
    assert (verdict["status"], verdict["fault"]) == ("failed", "regression")
    assert verdict["measured"]["difference"] < -0.1
    assert load_report(pytester)["diagnosis"]["fault"] == "regression"


def test_other_conditions_are_refused_with_the_difference_shown(
    run: Run, pytester: pytest.Pytester, stored: str
) -> None:
    result = run(*target("other_learning_rate"), *COMPARED)
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*config.learning_rate: reference 0.003, now 0.005*"])
    assert regression(pytester)["fault"] == "incomparable-runs"


def test_a_reranker_that_stops_declaring_its_conditions_is_refused(
    run: Run, pytester: pytest.Pytester, stored: str
) -> None:
    run(*target("minimal"), *COMPARED)
    verdict = regression(pytester)
    assert (verdict["status"], verdict["fault"]) == ("failed", "incomparable-runs")
    assert any("conditions()" in row for row in verdict["evidence"])


def test_a_reranker_without_conditions_is_compared_by_its_data(run: Run, pytester: pytest.Pytester) -> None:
    assert run(*target("minimal"), *STORE).ret == pytest.ExitCode.OK
    assert json.loads((pytester.path / FILE).read_text())["conditions"] is None
    assert run(*target("minimal"), *COMPARED).ret == pytest.ExitCode.OK
    assert any("only data were compared" in row for row in regression(pytester)["evidence"])


def test_an_update_after_a_change_of_conditions_replaces_the_run(
    run: Run, pytester: pytest.Pytester, stored: str
) -> None:
    assert run(*target("other_learning_rate"), *STORE).ret == pytest.ExitCode.OK
    assert (pytester.path / FILE).read_text(encoding="utf-8") != stored
    assert run(*target("other_learning_rate"), *COMPARED).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("factory", ["uniform_scores", "nan_scores", "popularity_better"])
def test_a_run_that_did_not_pass_is_not_stored(
    run: Run, pytester: pytest.Pytester, stored: str, factory: str
) -> None:
    result = run(*target(factory), *STORE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["reference run not updated: *stored.json keeps its run, as this one did not pass"])
    assert (pytester.path / FILE).read_text(encoding="utf-8") == stored


def test_an_undecided_run_is_not_stored_either(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*target("undecided"), *STORE)
    result.stdout.fnmatch_lines(["reference run not updated: *did not pass"])
    assert not (pytester.path / FILE).exists()


def test_static_checks_alone_neither_train_nor_store(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*target("logged"), *STORE, "-k", "gt_in or tokens or future")
    result.assert_outcomes(passed=4, deselected=len(ITEMS) - 4)
    result.stdout.fnmatch_lines(["reference run not updated: *as nothing was scored in this one"])
    assert not (pytester.path / "trained.log").exists()
    assert not (pytester.path / FILE).exists()


def test_storing_costs_no_second_training_and_no_second_scoring(run: Run, pytester: pytest.Pytester) -> None:
    assert run(*target("logged"), *STORE).ret == pytest.ExitCode.OK
    assert (pytester.path / "trained.log").read_text() == "trained\n"


def test_conditions_that_raise_leave_a_report_and_fail_the_run(
    run: Run, pytester: pytest.Pytester, stored: str
) -> None:
    result = run(*target("conditions_raise"), *STORE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["reference run not updated: OSError: the fake's tokenizer.json is gone"])
    assert "INTERNALERROR" not in result.stdout.str()
    assert load_report(pytester)["ok"]
    assert (pytester.path / FILE).read_text(encoding="utf-8") == stored


def test_queries_with_one_id_cannot_be_stored(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        alike="""
        from dataclasses import replace
        import fake_data, fake_targets
        def make():
            tasks = fake_data.make_tasks()
            return fake_targets.Minimal(ranking_tasks=[replace(task, query_id="u") for task in tasks])
        """
    )
    result = run("--rerank-target", "alike:make", *STORE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["reference run not updated: *query_id 'u' appears twice*"])
    assert not (pytester.path / FILE).exists()


def _tampered(text: str) -> str:
    data = json.loads(text)
    data["standings"]["above"] = [19 - data["standings"]["tied"][0]] * len(data["standings"]["above"])
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "*stored.json: there is no reference run yet; run once with --rerank-update-reference*"),
        (lambda text: "", "*stored.json: it is not strict JSON*Restore the file from version control*"),
        (lambda text: text[: len(text) // 2], "*stored.json: it is not strict JSON*--rerank-update-reference*"),
        (_tampered, "*stored.json: checksum is *--rerank-update-reference*"),
        (lambda text: text.replace('"schema": 1', '"schema": 2'), "*schema is 2, of a newer rerank-guard*"),
        (lambda text: "[]", "*stored.json: *"),
    ],
)
def test_a_file_that_is_missing_or_was_changed_is_a_usage_error_with_a_way_out(
    run: Run, pytester: pytest.Pytester, stored: str, change, words: str
) -> None:
    path = pytester.path / FILE
    if change is None:
        path.unlink()
    else:
        assert change(stored) != stored
        path.write_text(change(stored), encoding="utf-8")
    result = run(*target("logged"), *COMPARED)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: rerank-guard: {words}"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
    assert not (pytester.path / "trained.log").exists(), "reported before the training, not after it"


def test_the_way_out_of_a_damaged_file_is_one(run: Run, pytester: pytest.Pytester, stored: str) -> None:
    (pytester.path / FILE).write_text(stored[:-20], encoding="utf-8")
    assert run(*target("healthy"), *STORE).ret == pytest.ExitCode.OK
    assert run(*target("healthy"), *COMPARED).ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            (*target("healthy"), "--rerank-update-reference"),
            "*needs --rerank-reference FILE, which says where to store.*",
        ),
        (STORE, "*--rerank-update-reference stores a run of the suite; give --rerank too.*"),
        (
            (*target("healthy"), "--rerank-reference", ".", "--rerank-update-reference"),
            "*is a folder; name a file in it.*",
        ),
        ((*target("healthy"), "--rerank-reference", "."), "*cannot be read*name a file with --rerank-reference*"),
    ],
)
def test_what_cannot_be_stored_or_read_is_a_usage_error(run: Run, args: tuple[str, ...], message: str) -> None:
    result = run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize("workers", [("-n", "2"), ("--dist", "load", "--tx", "2*popen")])
def test_an_update_with_workers_is_refused(pytester: pytest.Pytester, run: Run, workers: tuple[str, ...]) -> None:
    result = pytester.runpytest_subprocess(*QUIET, *workers, *target("healthy"), *STORE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*cannot store what pytest-xdist's workers scored; run it without -n.*"])
    assert not (pytester.path / FILE).exists()


def test_workers_are_compared_with_a_reference_run(pytester: pytest.Pytester, run: Run, stored: str) -> None:
    result = pytester.runpytest_subprocess(*QUIET, "-n", "2", *target("worse"), *COMPARED)
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    assert regression(pytester)["fault"] == "regression"


def test_the_ini_key_is_relative_to_the_ini_file_and_the_option_wins(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.mkdir("kept") / "other.json").write_text("{}")
    pytester.makefile(".toml", rerank_guard='reference = "kept/run.json"\n')
    assert run(*target("healthy"), "--rerank-update-reference").ret == pytest.ExitCode.OK
    assert (pytester.path / "kept" / "run.json").exists()
    run(*target("worse"))
    assert regression(pytester)["fault"] == "regression"
    result = run(*target("worse"), "--rerank-reference", "kept/other.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_ini_key_alone_costs_a_run_without_the_suite_nothing(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", rerank_guard='target = "fake_targets:minimal"\nreference = "nowhere.json"\n')
    pytester.makepyfile("def test_mine(rerank_target): assert rerank_target.name == 'minimal'")
    run().assert_outcomes(passed=1)


def test_a_run_that_is_stored_after_an_early_stop_is_one_as_well(run: Run, pytester: pytest.Pytester) -> None:
    assert run(*target("stoppable"), *STORE, "--rerank-early-stop").ret == pytest.ExitCode.OK
    assert run(*target("stoppable"), *COMPARED, "--rerank-early-stop").ret == pytest.ExitCode.OK


def test_a_job_that_ended_early_is_not_compared_with_a_whole_one(
    run: Run, pytester: pytest.Pytester, stored: str
) -> None:
    run(*target("stoppable"), "--rerank-early-stop", *COMPARED)
    verdict = regression(pytester)
    assert (verdict["status"], verdict["fault"]) == ("failed", "incomparable-runs")
    assert any("early_stop" in row for row in verdict["evidence"])


def test_a_part_of_the_suite_does_not_store_what_the_rest_might_refuse(run: Run, pytester: pytest.Pytester) -> None:
    result = run(*target("healthy"), *STORE, "-k", "recall_beats")
    result.assert_outcomes(passed=1, deselected=len(ITEMS) - 1)
    result.stdout.fnmatch_lines([f"reference run not updated: *{FILE}* of the checks were not run"])
    assert not (pytester.path / FILE).exists()
