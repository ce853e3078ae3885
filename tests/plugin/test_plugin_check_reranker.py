"""`check_reranker` without pytest: each broken reranker fails its own check, the healthy one passes.

Everything is drawn from fixed seeds, so the verdicts are deterministic.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import fake_targets
import numpy as np
import pytest
from fake_data import N_TASKS, make_scores, make_tasks
from fake_healthy import STEPS, noted
from suite_checks import CHECKS, MINIMAL_CHECKS, NOT_APPLICABLE, PASSING, position_of

from rerank_guard.adapters.callable import CallableTarget, CallableTargetWithPopularity
from rerank_guard.core.errors import InvalidTaskError, TargetError, VacuousMetricError
from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status
from rerank_guard.report.json import report_to_json_dict
from rerank_guard.suite import RunSettings, check_reranker
from rerank_guard.suite.inputs.rescored import PROBED


def by_check(report: Report) -> dict[str, Status]:
    return {verdict.check: verdict.status for verdict in report.verdicts}


def failed(report: Report) -> list[str]:
    return [verdict.check for verdict in report.verdicts if not verdict.ok]


def test_the_healthy_reranker_passes_every_check_in_order() -> None:
    report = check_reranker(fake_targets.healthy(), RunSettings(seed=4))
    assert [verdict.check for verdict in report.verdicts] == CHECKS
    assert [check for check, status in by_check(report).items() if status is Status.PASSED] == PASSING
    assert [
        check for check, status in by_check(report).items() if status is Status.NOT_APPLICABLE
    ] == NOT_APPLICABLE
    assert report.ok
    assert report.problems == ()
    assert report.diagnosis is None
    assert report.subject.seed == 4
    assert report.subject.dataset == "synthetic films, uniform negatives"
    assert report.subject.device == "abacus"
    assert {"fake", "numpy", "python"} <= set(report.subject.versions)
    assert report.subject.training is not None
    assert report.subject.training.steps == STEPS
    assert not report.subject.training.stopped_early


@pytest.mark.parametrize(
    ("factory", "check", "fault"),
    [
        (fake_targets.target_dropped, "gt_in_candidates", "target-not-listed"),
        (fake_targets.letters_split, "letter_tokens_found", "multi-token-letter"),
        (fake_targets.loss_at_chance, "loss_below_random", None),
        (fake_targets.uniform_scores, "scores_well_formed", "ties-decide"),
        (fake_targets.uniform_probabilities, "probabilities_agree", "probabilities-differ"),
        (fake_targets.candidates_twice, "gt_in_candidates", "duplicate-candidates"),
        (fake_targets.padded_probabilities, "calibrated", None),  # the first to ask for them
        (fake_targets.fewer_probabilities, "calibrated", None),
        (fake_targets.first_stage_for_half, "recall_beats_baseline[K=5]", None),
        (fake_targets.popularity_by_number, "recall_beats_baseline[K=5]", None),
        # its skewed positions are seen before the ranking that follows them
        (fake_targets.position_follower, "target_positions_uniform", "target-position-skew"),
        (fake_targets.popularity_better, "recall_beats_baseline[K=5]", "baseline-not-beaten"),
        (fake_targets.leak, "recall_within_ceiling[K=5]", "prompt-leak"),
        (fake_targets.trained_on_the_future, "no_future_training_data", "temporal-leak"),
        (fake_targets.letter_prior_learned, "loss_below_letter_prior", "position-prior"),
        (fake_targets.users_lost, "users_accounted_for[K=5]", "survivorship"),
        (fake_targets.newest_better, "recall_beats_baseline[K=5]", "baseline-not-beaten"),
        (fake_targets.synthetic_scores_malformed, "permutation_equivariant", None),  # the first to ask for them
        (fake_targets.queries_alike, "recall_beats_baseline[K=5]", None),
        (fake_targets.planned_too_short, "training_planned", "under-trained"),
        (fake_targets.prompt_tells_the_target, "prompt_independent_of_target", "prompt-leak"),
        (fake_targets.letters_shifted, "probabilities_agree", "label-offset"),
        (fake_targets.adapter_lost, "survives_reload", "adapter-inactive"),
        (fake_targets.flattered, "reported_metrics_correct", "metric-wrong"),
    ],
)
def test_a_broken_reranker_fails_its_own_check_first(factory, check: str, fault: str | None) -> None:
    report = check_reranker(factory())
    first = report.problems[0]
    assert first.check == check
    assert fault is None or first.fault == fault
    assert by_check(report)[check] is Status.FAILED
    assert first.cause
    assert first.next_step
    before = [verdict for verdict in report.verdicts if verdict.check in CHECKS[: position_of(check)]]
    assert all(verdict.ok for verdict in before)


@pytest.mark.parametrize(
    ("factory", "fault"),
    [
        (fake_targets.nan_scores, "silent-nan"),
        (fake_targets.wrong_shape, "result-malformed"),
        (fake_targets.score_gives_none, "result-malformed"),
        (fake_targets.score_gives_text, "result-malformed"),
    ],
)
def test_malformed_scores_are_named(factory, fault: str) -> None:
    report = check_reranker(factory())
    assert by_check(report)["scores_well_formed"] is Status.FAILED
    assert report.diagnosis is not None
    assert report.diagnosis.fault == fault


def test_checks_after_the_fault_show_its_consequences_in_a_run_that_continues() -> None:
    onward = RunSettings(continue_after_failure=True)
    report = check_reranker(fake_targets.position_follower(), onward)
    assert failed(report)[0] == "target_positions_uniform"
    faults = {problem.check: problem.fault for problem in report.problems}
    assert faults["no_order_fallback"] == "silent-fallback"
    assert faults["recall_beats_baseline[K=5]"] == "baseline-not-beaten"
    report = check_reranker(fake_targets.prompt_tells_the_target(), onward)
    assert failed(report)[0] == "prompt_independent_of_target"
    assert report.problems[0].fault == "prompt-leak"
    assert len(failed(report)) > 1


PROBABILITIES = ("calibrated", "probabilities_agree", "probabilities_not_uniform")
RECALL = "recall_beats_baseline[K=5]"


@pytest.mark.parametrize(
    ("factory", "checks", "words"),
    [
        (fake_targets.padded_probabilities, PROBABILITIES, "shape (25,) for 20 candidates"),
        (fake_targets.fewer_probabilities, PROBABILITIES, "399 rows for 400 users"),
        (fake_targets.first_stage_for_half, (RECALL,), "200 of 400 tasks have no first_stage_scores"),
        (fake_targets.popularity_by_number, (RECALL,), "such as 0, int"),
        (fake_targets.synthetic_scores_malformed, ("permutation_equivariant", RECALL), "shape (19,) for 20"),
    ],
)
def test_malformed_input_is_shown_in_the_evidence_of_its_checks(
    factory, checks: tuple[str, ...], words: str
) -> None:
    report = check_reranker(factory())
    assert tuple(failed(report)) == checks
    assert all(words in verdict.evidence[0] for verdict in report.verdicts if not verdict.ok)


@pytest.mark.parametrize(
    "factory", [fake_targets.nan_scores, fake_targets.wrong_shape, fake_targets.score_gives_none]
)
def test_malformed_scores_never_pass_another_check(factory) -> None:
    report = check_reranker(factory())
    for check in ("recall_beats_baseline[K=5]", "recall_within_ceiling[K=5]", "users_accounted_for[K=5]"):
        verdict = next(verdict for verdict in report.verdicts if verdict.check == check)
        assert verdict.status is Status.FAILED
        assert "scores" in verdict.evidence[0]


def test_missing_capabilities_name_the_method_to_add() -> None:
    report = check_reranker(fake_targets.minimal())
    assert report.ok
    assert [check for check, status in by_check(report).items() if status is Status.PASSED] == MINIMAL_CHECKS
    reasons = {verdict.check: verdict.cause for verdict in report.verdicts if verdict.cause}
    assert set(reasons) == set(CHECKS) - set(MINIMAL_CHECKS)
    expected = {
        "no_future_training_data": ["split_times()"],
        "letter_tokens_found": ["letter_table()"],
        "config_obeyed": ["train(progress)", "training_plan()"],
        "loss_below_random": ["train(progress)"],
        "loss_below_letter_prior": ["train(progress)"],
        "scores_match_forward_pass": ["next_token_logits(prompts)", "scoring_prompts(tasks)", "letter_table()"],
        "probabilities_not_uniform": ["predict_proba(tasks)"],
        "permutation_equivariant": ["score_synthetic(tasks)"],
        "recall_within_ceiling[K=5]": ["oracle_proba(tasks)"],
        "users_accounted_for[K=5]": ["population()"],
        "reported_metrics_correct": ["reported_metrics()"],
    }
    for check, methods in expected.items():
        assert all(method in reasons[check] for method in methods), check
        assert reasons[check].count("(") == len(methods), check


def test_trains_once_then_scores_then_asks_for_the_rest() -> None:
    target = fake_targets.healthy()
    check_reranker(target, RunSettings(cutoffs=(3, 5)))
    assert target.log[:3] == ["train_one_batch", "train", "score"]
    every_task, few_tasks, few_again, one_each, relisted = 1, 1, 1, PROBED, 3
    blank, swapped, reordered = 1, 1, 1
    assert Counter(target.log) == {
        "train_one_batch": 1,
        "train": 1,
        "score": every_task + few_tasks + few_again + one_each + relisted,
        "score_synthetic": blank + swapped + reordered,
        "predict_proba": 1,
        "score_reloaded": 1,
        "score_without_adapter": 1,
    }


def test_the_rerankers_own_exception_is_not_swallowed() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        check_reranker(fake_targets.training_raises())


def test_progress_names_its_stages_and_ends() -> None:
    calls: list[tuple[int, int, str]] = []

    def progress(done: int, total: int, note: str = "") -> None:
        calls.append((done, total, note))

    check_reranker(fake_targets.stoppable(), progress=progress)
    stages = list(dict.fromkeys(note.partition(",")[0] for _, _, note in calls))
    assert stages == ["smoke training on one batch", "training", "scoring", "probabilities"]
    assert any((done, total) == (STEPS, STEPS) and "letter NLL" in note for done, total, note in calls)
    assert (1, 1, "scoring, blank prompts") in calls
    assert (N_TASKS, N_TASKS, "scoring, histories swapped") in calls
    ends = {note: done == total for done, total, note in calls}
    assert all(ended for note, ended in ends.items() if note.startswith("scoring")), ends


def test_score_that_takes_progress_is_given_it() -> None:
    class Reporting(fake_targets.Minimal):
        def score(self, tasks, progress):
            progress(len(tasks) // 2, len(tasks), "half way")
            return make_scores(tasks)

    notes: list[str] = []
    check_reranker(Reporting(), progress=lambda _done, _total, note="": notes.append(note))
    assert "scoring, half way" in notes


@pytest.mark.parametrize(
    ("n_candidates", "expected"),
    [(50, ["K=5", "K=20"]), (20, ["K=5"]), (6, ["K=5"]), (5, ["K=1"]), (2, ["K=1"])],
)
def test_default_cutoffs_lie_below_the_smallest_n(n_candidates: int, expected: list[str]) -> None:
    target = fake_targets.Minimal(ranking_tasks=make_tasks(60, n_candidates))
    checks = [verdict.check for verdict in check_reranker(target).verdicts]
    assert [f"recall_beats_baseline[{k}]" for k in expected] == [
        check for check in checks if check.startswith("recall_beats")
    ]


def test_explicit_cutoffs_win_over_declared_ones() -> None:
    checks = by_check(check_reranker(fake_targets.healthy(), RunSettings(cutoffs=(10, 3, 3))))
    assert [check for check in checks if check.startswith("recall_beats")] == [
        "recall_beats_baseline[K=3]",
        "recall_beats_baseline[K=10]",
    ]


@pytest.mark.parametrize("cutoffs", [(20,), (5, 21), (0,)])
def test_vacuous_cutoffs_are_refused(cutoffs: tuple[int, ...]) -> None:
    with pytest.raises(VacuousMetricError, match=f"hold K={cutoffs[-1]}"):
        check_reranker(fake_targets.minimal(), RunSettings(cutoffs=cutoffs))


def test_declared_vacuous_cutoff_is_refused_and_named() -> None:
    with pytest.raises(VacuousMetricError, match="cutoffs of target 'vacuous cutoff' hold K=20"):
        check_reranker(fake_targets.vacuous_cutoff())


@pytest.mark.parametrize("cutoffs", [(), (2.5,), (True,)])
def test_cutoffs_that_are_none_or_no_numbers_are_refused(cutoffs) -> None:
    with pytest.raises(TargetError, match="RunSettings: cutoffs"):
        check_reranker(fake_targets.minimal(), RunSettings(cutoffs=cutoffs))


def test_no_tasks_is_an_error() -> None:
    with pytest.raises(InvalidTaskError, match="gave no task"):
        check_reranker(fake_targets.no_tasks())


def test_things_that_are_no_target_are_told_what_they_lack() -> None:
    with pytest.raises(TargetError, match=r"it lacks score\(tasks\)"):
        check_reranker(fake_targets.NotATarget())  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="give an instance, not the class"):
        check_reranker(fake_targets.Minimal)  # type: ignore[arg-type]


def test_tasks_of_another_type_are_refused() -> None:
    with pytest.raises(TargetError, match="at position 0; give RankingTask objects"):
        check_reranker(fake_targets.Minimal(ranking_tasks=[{"query": 1}]))  # type: ignore[list-item]


def test_train_that_returns_no_trace_is_refused() -> None:
    with pytest.raises(TargetError, match=r"'healthy'.*train\(\) gave None"):
        check_reranker(noted(fake_targets.healthy(), train=lambda progress: None))


def test_too_few_users_are_inconclusive_and_not_ok() -> None:
    report = check_reranker(fake_targets.undecided())
    assert by_check(report)["recall_beats_baseline[K=5]"] is Status.INCONCLUSIVE
    assert not report.ok


def test_details_with_nan_still_give_strict_json() -> None:
    details = report_to_json_dict(check_reranker(fake_targets.healthy()))["details"]
    assert details == {"adapter": "bilinear", "loss at the end": None}


def test_first_stage_scores_become_a_baseline() -> None:
    tasks = make_tasks()
    perfect = [
        tuple(
            2.0 if item_id == task.target_id else 1.0 / (1 + position)
            for position, item_id in enumerate(task.candidate_ids)
        )
        for task in tasks
    ]
    tasks = [replace(task, first_stage_scores=row) for task, row in zip(tasks, perfect, strict=True)]

    class Weak(fake_targets.Minimal):
        def score(self, tasks):
            return make_scores(tasks, lift=1.0)

    report = check_reranker(Weak(ranking_tasks=tasks))
    assert report.problems[0].fault == "baseline-not-beaten"
    assert "retriever order" in report.verdicts[position_of("recall_beats_baseline[K=5]")].threshold


def _title_number(text: str) -> float:
    return float(text.split()[-1])


def test_plain_function_becomes_a_target() -> None:
    tasks = make_tasks(1500)
    seen: list[tuple[list[str], list[str]]] = []

    def score_fn(history, candidates):
        seen.append((list(history), list(candidates)))
        return [math.sin(_title_number(text)) for text in candidates]

    report = check_reranker(CallableTarget(score_fn, tasks, name="sines"))
    assert report.subject.target == "sines"
    assert len(seen) == len(tasks) + 3 * PROBED, "each task once, and some three times more"
    assert seen[0] == (
        [item.text for item in tasks[0].history],
        [item.text for item in tasks[0].candidates],
    )
    assert report.problems[0].check == "recall_beats_baseline[K=5]"
    assert report.problems[0].fault == "no-signal"


def test_plain_function_that_returns_nonsense_fails_well_formed() -> None:
    target = CallableTarget(lambda _history, candidates: [None] * len(candidates), make_tasks(5))
    report = check_reranker(target)
    assert report.problems[0].check == "scores_well_formed"


def test_plain_function_with_popularity_is_compared_with_it() -> None:
    tasks = make_tasks()
    target = CallableTargetWithPopularity(
        lambda _history, candidates: np.arange(len(candidates), dtype=np.float64), tasks, popularity={"i1": 3}
    )
    thresholds = check_reranker(target).verdicts[position_of("recall_beats_baseline[K=5]")].threshold
    assert {"chance", "popularity", "reversed popularity"} <= set(thresholds)


def test_all_that_the_reranker_knows_becomes_a_baseline() -> None:
    verdicts = check_reranker(fake_targets.healthy()).verdicts
    assert set(verdicts[position_of("recall_beats_baseline[K=5]")].threshold) == {
        "chance",
        "popularity",
        "reversed popularity",
        "newest first (release year)",
        "oldest first (release year)",
        "content-free prior",
        "history-blind",
        "effect",
        "effect_over_chance",
        "alpha",
    }


def test_equal_histories_leave_nothing_to_swap() -> None:
    tasks = [replace(task, history=()) for task in fake_targets.healthy().tasks()]
    report = check_reranker(fake_targets.with_tasks(tasks))
    thresholds = report.verdicts[position_of("recall_beats_baseline[K=5]")].threshold
    assert "history-blind" not in thresholds
    assert "content-free prior" in thresholds


def test_a_history_that_is_ignored_is_named() -> None:
    report = check_reranker(fake_targets.history_ignored())
    (problem,) = (problem for problem in report.problems if problem.check == RECALL)
    assert problem.fault == report.diagnosis.fault == "history-ignored"


def test_a_prompt_that_is_drawn_anew_is_not_called_a_leak() -> None:
    report = check_reranker(fake_targets.history_shuffled(), RunSettings(continue_after_failure=True))
    (verdict,) = (verdict for verdict in report.verdicts if verdict.check == "prompt_independent_of_target")
    assert verdict.fault == "nondeterministic"
