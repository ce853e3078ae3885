"""The packaged suite as pytest items: collection, selection, verdicts, report, exit status."""

from __future__ import annotations

import importlib
import json
import xml.etree.ElementTree as ElementTree

import pytest
from fake_healthy import STEPS
from inner_run import Run
from suite_checks import (
    CHECKS,
    ITEMS,
    MINIMAL_CHECKS,
    PASSING,
    SKIPPED,
    STATIC_CHECKS,
    STATIC_NOT_APPLICABLE,
    TRAINED_CHECKS,
)

RECALL = "rerank::recall_beats_baseline[K=5]"


def load_report(pytester: pytest.Pytester, folder: str = "rerank-report") -> dict:
    return json.loads((pytester.path / folder / "report.json").read_text(encoding="utf-8"))


def collected(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def test_the_healthy_reranker_passes_without_any_test_file(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:healthy")
    result.assert_outcomes(passed=len(PASSING), skipped=SKIPPED)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "rerank-guard: target fake_targets:healthy, device *, seed 0",
            f"collected {len(ITEMS)} items",
            "*= rerank-guard =*",
            "check  *status  *measured  *compared with  *n",
            "gt_in_candidates *PASSED  *broken_users = 0 *400",
            "recall_beats_baseline?K=5? *PASSED *recall = 0.* *chance = 0.25, *400",
            "report: *rerank-report?report.json",
        ]
    )
    report = load_report(pytester)
    assert report["ok"]
    assert [verdict["check"] for verdict in report["verdicts"]] == CHECKS
    assert report["target"] == "healthy"
    assert report["device"] == "abacus"
    assert report["training"]["steps"] == STEPS
    assert "| gt_in_candidates | PASSED |" in (pytester.path / "rerank-report" / "summary.md").read_text()


@pytest.mark.parametrize(
    ("factory", "item", "fault"),
    [
        ("target_dropped", "gt_in_candidates", "target-not-listed"),
        ("letters_split", "letter_tokens_found", "multi-token-letter"),
        ("loss_at_chance", "loss_below_random", None),
        ("nan_scores", "scores_well_formed", None),
        ("uniform_scores", "scores_well_formed", "ties-decide"),
        ("popularity_better", "recall_beats_baseline[[]K=5[]]", "baseline-not-beaten"),
        ("synthetic_scores_malformed", "permutation_equivariant", None),
        ("position_follower", "target_positions_uniform", "target-position-skew"),
        ("trained_on_the_future", "no_future_training_data", "temporal-leak"),
        ("letter_prior_learned", "loss_below_letter_prior", "position-prior"),
        ("users_lost", "users_accounted_for[[]K=5[]]", "survivorship"),
        ("undecided", "recall_beats_baseline[[]K=5[]]", None),
    ],
)
def test_a_broken_reranker_fails_its_check_without_a_traceback(
    run: Run, pytester: pytest.Pytester, factory: str, item: str, fault: str | None
) -> None:
    result = run("--rerank-target", f"fake_targets:{factory}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED rerank::{item}*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*")
    first = load_report(pytester)["problems"][0]
    assert fault is None or first["fault"] == fault
    diagnosis = next(number for number, line in enumerate(result.outlines) if line.startswith("DIAGNOSIS"))
    table = next(number for number, line in enumerate(result.outlines) if line.startswith("check "))
    assert diagnosis < table, "the diagnosis comes first"
    failure = "\n".join(result.outlines)
    assert "  claim:     " in failure
    assert "  next step: " in failure


def test_the_learning_curve_lies_beside_the_report_where_something_was_trained(
    run: Run, pytester: pytest.Pytester
) -> None:
    picture = pytester.path / "rerank-report" / "training.png"
    run("--rerank-target", "fake_targets:healthy", "-k", "loss")
    assert picture.read_text() == "a picture"
    run("--rerank-target", "fake_targets:minimal")
    assert not picture.exists(), "never left behind to be taken for this run's"


def test_missing_capabilities_skip_with_the_method_to_add(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:minimal", "-rs")
    result.assert_outcomes(passed=len(MINIMAL_CHECKS), skipped=len(ITEMS) - len(MINIMAL_CHECKS))
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["SKIPPED*'minimal' has no letter_table(); add letter_table() to*"])
    statuses = {verdict["check"]: verdict["status"] for verdict in load_report(pytester)["verdicts"]}
    assert statuses["loss_below_random"] == "not_applicable"


def test_a_training_error_is_one_error_item_and_the_rest_is_not_run(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:training_raises")
    # the smoke training passes
    static = len(STATIC_CHECKS) - len(STATIC_NOT_APPLICABLE)
    skipped = len(TRAINED_CHECKS) - 1 + len(STATIC_NOT_APPLICABLE)
    result.assert_outcomes(passed=static + 1, errors=1, skipped=skipped)
    result.stdout.fnmatch_lines(["*fake_targets.py:*: RuntimeError"])
    result.stdout.no_fnmatch_line("*suite_run.py*")
    report = load_report(pytester)
    assert not report["ok"]
    assert [error["check"] for error in report["errors"]] == TRAINED_CHECKS[1:2]
    not_run = [verdict["check"] for verdict in report["verdicts"] if verdict["status"] == "not_run"]
    assert not_run == TRAINED_CHECKS[2:]
    assert "CUDA out of memory" in report["errors"][0]["message"]


def test_a_run_of_errors_only_still_reports(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:training_raises", "-k", "loss_below_random")
    result.assert_outcomes(errors=1, deselected=len(ITEMS) - 1)
    assert load_report(pytester)["target"] == "training raises"
    assert load_report(pytester)["verdicts"] == []


def test_collect_only_lists_the_items_and_writes_nothing(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:healthy", "--collect-only", "-q")
    assert collected(result) == ITEMS
    assert not (pytester.path / "rerank-report").exists()


def test_k_selects_and_static_checks_do_not_train(run: Run, pytester: pytest.Pytester) -> None:
    run("--rerank-target", "fake_targets:logged", "-k", "gt_in or tokens or future").assert_outcomes(
        passed=4, deselected=len(ITEMS) - 4
    )
    assert not (pytester.path / "trained.log").exists()
    run("--rerank-target", "fake_targets:logged", "-k", "recall").assert_outcomes(
        passed=4, skipped=1, deselected=len(ITEMS) - 5
    )
    assert (pytester.path / "trained.log").read_text() == "trained\n"


def test_m_selects_what_trains(run: Run) -> None:
    run("--rerank-target", "fake_targets:healthy", "-m", "not rerank_train").assert_outcomes(
        passed=len(STATIC_CHECKS) - len(STATIC_NOT_APPLICABLE),
        skipped=1 + len(STATIC_NOT_APPLICABLE),
        deselected=len(TRAINED_CHECKS),
    )
    run("--rerank-target", "fake_targets:minimal", "-m", "rerank_train").assert_outcomes(deselected=len(ITEMS))


def test_x_stops_before_the_training(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--rerank-target", "fake_targets:target_dropped", "-x")
    result.assert_outcomes(failed=1)
    assert len(load_report(pytester)["verdicts"]) == 1


def test_lf_reruns_only_what_failed_also_beside_failing_files(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_passes(): pass\ndef test_fails(): assert False")
    first = run("--rerank-target", "fake_targets:popularity_better", cache=True)
    first.assert_outcomes(passed=1 + len(PASSING) - 1, failed=2, skipped=SKIPPED)
    again = run("--rerank-target", "fake_targets:popularity_better", "--lf", "-v", cache=True)
    again.assert_outcomes(failed=2, deselected=len(ITEMS) - 1)
    again.stdout.fnmatch_lines(["rerank::recall_beats_baseline?K=5? FAILED*"])


def test_items_can_be_named_on_the_command_line(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_mine(): pass")
    target = ("--rerank-target", "fake_targets:healthy", "--collect-only", "-q")
    assert collected(run(*target, "rerank")) == ITEMS
    assert collected(run(*target, "rerank::gt_in_candidates")) == ITEMS[:1]
    assert collected(run(*target, "rerank::recall_beats_baseline")) == [RECALL]
    assert collected(run(*target, RECALL, "rerank::gt_in_candidates")) == [ITEMS[0], RECALL]
    unknown = run(*target, "rerank::nope")
    assert unknown.ret == pytest.ExitCode.USAGE_ERROR
    unknown.stderr.fnmatch_lines(
        ["ERROR: rerank-guard: not found: rerank::nope; the suite's items are rerank::gt_*"]
    )


def test_a_folder_named_rerank_stays_a_folder(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.mkdir("rerank") / "test_inside.py").write_text("def test_inside(): pass")
    result = run("--rerank-target", "fake_targets:healthy", "--collect-only", "-q", "rerank")
    assert collected(result) == ["rerank/test_inside.py::test_inside", *ITEMS]


def test_suite_comes_with_files_given_and_after_them(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_mine(): pass")
    name = "test_suite_comes_with_files_given_and_after_them.py"
    result = run("--rerank-target", "fake_targets:healthy", "--collect-only", "-q", name)
    assert collected(result) == [f"{name}::test_mine", *ITEMS]


def test_users_naming_rules_do_not_break_it(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\npython_functions = never_*\npython_files = no*.py\nxfail_strict = true\n")
    result = run("--rerank-target", "fake_targets:healthy", "--strict-markers", "--strict-config")
    result.assert_outcomes(passed=len(PASSING), skipped=SKIPPED)


def test_plain_pytest_stays_plain(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", rerank_guard='target = "fake_targets:healthy"\n')
    pytester.makepyfile("def test_mine(): pass")
    result = run()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*rerank-guard: target*")
    assert not (pytester.path / "rerank-report").exists()


def test_ini_target_and_cutoffs_are_used_when_the_suite_is_asked_for(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", rerank_guard='target = "fake_targets:healthy"\nk = [3, 10]\n')
    items = collected(run("--rerank", "--collect-only", "-q"))
    assert [item for item in items if "beats" in item] == [
        "rerank::recall_beats_baseline[K=3]",
        "rerank::recall_beats_baseline[K=10]",
    ]
    items = collected(run("--rerank", "--rerank-k", "7", "--collect-only", "-q"))
    assert [item for item in items if "beats" in item] == ["rerank::recall_beats_baseline[K=7]"]


def test_seed_reaches_factory_and_report(run: Run, pytester: pytest.Pytester) -> None:
    result = run(
        "--rerank-target", "fake_targets:healthy", "--rerank-seed", "3", "--rerank-report", "out", "-k", "gt_in"
    )
    result.stdout.fnmatch_lines(["rerank-guard: target fake_targets:healthy, device *, seed 3"])
    assert load_report(pytester, "out")["target"] == "healthy 3"
    assert load_report(pytester, "out")["seed"] == 3


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--rerank-target", "fake_targets:vacuous_cutoff"], "*cutoffs of target 'vacuous cutoff' hold K=20*"),
        (["--rerank-target", "fake_targets:minimal", "--rerank-k", "5,20"], "*--rerank-k*hold K=20: Recall@20*"),
        (["--rerank-target", "fake_targets:minimal", "--rerank-k", "0"], "*--rerank-k: *0* holds a K below 1*"),
        (["--rerank-target", "fake_targets:minimal", "--rerank-k", "five"], "*'five' is not a list of whole*"),
        (
            ["--rerank-target", "fake_targets:minimal", "--rerank-seed", "-1"],
            "*--rerank-seed: -1* is not a whole number*",
        ),
        (["--rerank-target", "fake_targets"], "*is not of the form 'package.module:factory'*"),
        (
            ["--rerank-target", "fake_target:healthy"],
            "*no module 'fake_target'; the closest names are fake_targets*",
        ),
        (
            ["--rerank-target", "fake_targets:healthyy"],
            "*has no attribute 'healthyy'; the closest names are healthy*",
        ),
        (["--rerank-target", "fake_targets:NotATarget"], "*not a RerankTarget: it lacks score(tasks)*"),
        (["--rerank-target", "fake_targets:number"], "*neither a factory nor a target but 3 of type int*"),
        (["--rerank-target", "fake_targets:no_tasks"], "*gave no task*"),
        (["--rerank-target", "fake_targets:healthy", "--rerank-report", "fake_targets.py"], "*cannot write to*"),
    ],
)
def test_what_cannot_work_is_a_usage_error(run: Run, args: list[str], message: str) -> None:
    result = run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_malformed_cutoffs_in_a_file_are_a_usage_error(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", rerank_guard='k = "many"\n')
    result = run("--rerank-target", "fake_targets:healthy")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*rerank_guard.toml: k = 'many' is no list of whole numbers*"])


def test_reranker_code_that_raises_is_an_error_item_with_its_traceback(run: Run) -> None:
    result = run("--rerank-target", "fake_targets:tasks_raise")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at setup of rerank::reranker*", "*fake_minimal.py*", "*the fake's data are broken*"]
    )
    assert "rerank_guard/suite" not in result.stdout.str()


def test_instance_is_taken_as_it_is(run: Run) -> None:
    run("--rerank-target", "fake_targets:instance", "-k", "gt_in").assert_outcomes(
        passed=1, skipped=1, deselected=len(ITEMS) - 2
    )


def test_embedded_target_without_its_dependencies_names_the_extra(run: Run, monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "rerank_model.targets.embedded", None)
    result = run("--rerank-target", "demo")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(['*pip install "rerank-guard?model?"*--rerank-target pkg.mod:factory*'])


def test_gpu_is_an_error_at_the_start_not_a_skip(run: Run, monkeypatch, pytester: pytest.Pytester) -> None:
    torch_device = importlib.import_module("rerank_guard.adapters.torch_device")  # as the inner run will find it

    monkeypatch.setattr(torch_device, "cuda_problem", lambda: "torch 9 says no")
    result = run("--rerank-gpu", "--rerank-target", "fake_targets:tasks_raise")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --rerank-gpu: CUDA cannot be used: torch 9 says no*"])


def test_gpu_option_asks_the_factory_for_cuda(run: Run, monkeypatch, pytester: pytest.Pytester) -> None:
    torch_device = importlib.import_module("rerank_guard.adapters.torch_device")  # as the inner run will find it

    monkeypatch.setattr(torch_device, "cuda_problem", lambda: None)
    pytester.makepyfile(
        on_device="""
        import fake_targets
        def make(device):
            return fake_targets.Minimal(name=f"on {device}")
        """
    )
    result = run("--rerank-gpu", "--rerank-target", "on_device:make", "-k", "gt_in")
    result.assert_outcomes(passed=1, skipped=1, deselected=len(ITEMS) - 2)
    report = load_report(pytester)
    assert (report["target"], report["device"]) == ("on cuda", "cuda")


def test_an_old_report_is_removed_by_a_run_that_broke(run: Run, pytester: pytest.Pytester) -> None:
    run("--rerank-target", "fake_targets:healthy", "-k", "gt_in")
    assert load_report(pytester)["ok"]
    run("--rerank-target", "fake_targets:vacuous_cutoff")
    assert not (pytester.path / "rerank-report" / "report.json").exists()


def test_a_failed_verdict_that_another_plugin_hides_still_fails_the_run(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(
        """
        import pytest
        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.xfail(strict=False))
        """
    )
    result = run("--rerank-target", "fake_targets:target_dropped", "-k", "gt_in")
    result.assert_outcomes(xfailed=1, xpassed=1, deselected=len(ITEMS) - 2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_junit_carries_the_verdicts(run: Run, pytester: pytest.Pytester) -> None:
    run("--rerank-target", "fake_targets:target_dropped", "-k", "gt_in", "--junit-xml", "junit.xml")
    root = ElementTree.parse(pytester.path / "junit.xml").getroot()
    values = [entry.get("value") for entry in root.iter("property") if entry.get("name") == "rerank_verdict"]
    assert json.loads(values[0])["verdict"]["fault"] == "target-not-listed"
    assert "gt_in_candidates" in next(root.iter("failure")).get("message")


def test_log_shows_progress_although_output_is_captured(run: Run) -> None:
    result = run("--rerank-target", "fake_targets:stoppable", "-k", "loss")
    result.stdout.fnmatch_lines([f"100% {STEPS}/{STEPS} *training, letter NLL *"])
    quiet = run("--rerank-target", "fake_targets:stoppable", "-k", "loss", "-q")
    quiet.stdout.no_fnmatch_line(f"*{STEPS}/{STEPS}*")
