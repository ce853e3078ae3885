"""`check_reranker` without pytest: each saboteur fails at its own gate, the sound twin passes.

Everything is drawn from fixed seeds, so the verdicts are deterministic.
"""

from __future__ import annotations

import math
from dataclasses import replace

import fake_targets
import fake_whole
import numpy as np
import pytest
from fake_data import N_TASKS
from suite_checks import CHECKS, MINIMAL_CHECKS, NOT_SOUNDS, SOUND_CHECKS, position_of

from rerank_guard.adapters.callable import CallableTarget, CallableTargetWithPopularity
from rerank_guard.errors import InvalidTaskError, TargetError, VacuousMetricError
from rerank_guard.report.report import Report
from rerank_guard.suite import check_reranker
from rerank_guard.suite.asked_again import PROBED
from rerank_guard.verdict import Status


def by_check(report: Report) -> dict[str, Status]:
    return {verdict.check: verdict.status for verdict in report.verdicts}


def failed(report: Report) -> list[str]:
    return [verdict.check for verdict in report.verdicts if not verdict.ok]


def test_sound_target_passes_every_gate_in_order() -> None:
    report = check_reranker(fake_whole.whole(), seed=4)
    assert [verdict.check for verdict in report.verdicts] == CHECKS
    assert {verdict.status for verdict in report.verdicts} == {Status.PASSED}
    assert report.ok
    assert report.findings == ()
    assert report.diagnosis is None
    assert report.subject.seed == 4
    assert report.subject.dataset == "made-up films, uniform negatives"
    assert report.subject.device == "abacus"
    assert {"fake", "numpy", "python"} <= set(report.subject.versions)
    assert report.subject.training is not None
    assert report.subject.training.steps == 60
    assert not report.subject.training.stopped_early


def test_gates_that_ask_for_more_than_the_target_has_do_not_apply() -> None:
    report = check_reranker(fake_targets.sound())
    assert report.ok
    assert [check for check, status in by_check(report).items() if status is Status.PASSED] == SOUND_CHECKS
    reasons = {
        verdict.check: verdict.cause for verdict in report.verdicts if verdict.status is Status.NOT_APPLICABLE
    }
    assert reasons == {check: f"the target 'sound' has no {methods}" for check, methods in NOT_SOUNDS.items()}


@pytest.mark.parametrize(
    ("factory", "gate", "fault"),
    [
        (fake_targets.target_dropped, "gt_in_candidates", "gt-missing"),
        (fake_targets.letters_split, "letter_tokens_found", "multi-token-letter"),
        (fake_targets.loss_at_chance, "loss_below_random", None),
        (fake_targets.nan_scores, "scores_well_formed", "silent-nan"),
        (fake_targets.uniform_scores, "scores_well_formed", "ties-decide"),
        (fake_targets.wrong_shape, "scores_well_formed", None),
        (fake_targets.score_gives_none, "scores_well_formed", None),
        (fake_targets.score_gives_text, "scores_well_formed", None),
        (fake_targets.uniform_probabilities, "probabilities_not_uniform", "silent-fallback"),
        (fake_targets.candidates_twice, "gt_in_candidates", "duplicate-candidates"),
        (fake_targets.padded_probabilities, "probabilities_not_uniform", None),
        (fake_targets.fewer_probabilities, "probabilities_not_uniform", None),
        (fake_targets.retriever_partly, "recall_beats_baseline[K=5]", None),
        (fake_targets.popularity_by_number, "recall_beats_baseline[K=5]", None),
        # its skewed slots are seen before the ranking that follows them
        (fake_targets.slot_follower, "target_slots_even", "gt-position-skew"),
        (fake_targets.popularity_better, "recall_beats_baseline[K=5]", "baseline-not-beaten"),
        (fake_targets.leak, "recall_within_ceiling[K=5]", "prompt-leak"),
        (fake_targets.trained_on_the_future, "no_future_training_data", "temporal-leak"),
        (fake_targets.letter_prior_learned, "loss_below_letter_prior", "position-prior"),
        (fake_targets.users_lost, "users_accounted_for[K=5]", "survivorship"),
        (fake_targets.newest_better, "recall_beats_baseline[K=5]", "baseline-not-beaten"),
        (fake_targets.history_ignored, "recall_beats_baseline[K=5]", "history-ignored"),
        (fake_targets.made_up_scores_malformed, "permutation_equivariant", None),  # the first to ask for them
        (fake_targets.queries_alike, "recall_beats_baseline[K=5]", None),
        (fake_whole.planned_too_short, "training_planned", "under-trained"),
        (fake_whole.prompt_tells_the_target, "prompts_match", "prompt-skew"),
        (fake_whole.letters_shifted, "scores_match_reference", "label-offset"),
        (fake_whole.adapter_lost, "survives_reload", "adapter-inactive"),
        (fake_whole.flattered, "reported_metrics", "metric-wrong"),
    ],
)
def test_saboteur_fails_first_at_its_own_gate(factory, gate: str, fault: str | None) -> None:
    report = check_reranker(factory())
    first = report.findings[0]
    assert first.check == gate
    assert fault is None or first.fault == fault
    assert by_check(report)[gate] is Status.FAILED
    assert first.cause
    assert first.next_step
    before = [verdict for verdict in report.verdicts if verdict.check in CHECKS[: position_of(gate)]]
    assert all(verdict.ok for verdict in before)


def test_gates_behind_the_fault_show_what_it_does_when_told_to_go_on() -> None:
    report = check_reranker(fake_targets.slot_follower(), keep_going=True)
    assert failed(report)[0] == "target_slots_even"
    faults = {finding.check: finding.fault for finding in report.findings}
    assert faults["no_order_fallback"] == "silent-fallback"
    assert faults["recall_beats_baseline[K=5]"] == "baseline-not-beaten"
    told = check_reranker(fake_whole.prompt_tells_the_target(), keep_going=True)
    assert failed(told)[:2] == ["prompts_match", "prompt_blind_to_target"]
    assert told.findings[1].fault == "prompt-leak"


PROBABILITIES = ("probabilities_not_uniform", "probabilities_agree", "calibrated")
RECALL = "recall_beats_baseline[K=5]"


@pytest.mark.parametrize(
    ("factory", "gates", "words"),
    [
        (fake_targets.padded_probabilities, PROBABILITIES, "shape (25,) for 20 candidates"),
        (fake_targets.fewer_probabilities, PROBABILITIES, "399 rows for 400 users"),
        (fake_targets.retriever_partly, (RECALL,), "200 of 400 tasks have no retriever_scores"),
        (fake_targets.popularity_by_number, (RECALL,), "such as 0, int"),
        (fake_targets.made_up_scores_malformed, ("permutation_equivariant", RECALL), "shape (19,) for 20"),
    ],
)
def test_malformed_input_is_shown_in_the_evidence_of_its_gates(factory, gates: tuple[str, ...], words: str) -> None:
    report = check_reranker(factory())
    assert tuple(failed(report)) == gates
    assert all(words in verdict.evidence[0] for verdict in report.verdicts if not verdict.ok)


@pytest.mark.parametrize(
    "factory", [fake_targets.nan_scores, fake_targets.wrong_shape, fake_targets.score_gives_none]
)
def test_malformed_scores_never_pass_a_later_gate_and_say_why(factory) -> None:
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
        "no_future_training_data": "the target 'minimal' has no split_times()",
        "letter_tokens_found": "the target 'minimal' has no letter_table()",
        "config_obeyed": "the target 'minimal' has no train(progress) and training_plan()",
        "loss_below_random": "the target 'minimal' has no train(progress)",
        "loss_below_letter_prior": "the target 'minimal' has no train(progress)",
        "probabilities_not_uniform": "the target 'minimal' has no predict_proba(tasks)",
        "permutation_equivariant": "the target 'minimal' has no score_made_up(tasks)",
        "recall_within_ceiling[K=5]": "the target 'minimal' has no oracle_proba(tasks)",
        "users_accounted_for[K=5]": "the target 'minimal' has no population()",
    }
    assert expected.items() <= reasons.items()


def test_trains_once_then_scores_then_asks_for_the_rest() -> None:
    target = fake_targets.sound()
    check_reranker(target, cutoffs=(3, 5))
    every_task, twice, alone = ["score"], ["score", "score"], ["score"] * PROBED
    reordered, blank, swapped = ["score_made_up"], ["score_made_up"], ["score_made_up"]
    assert target.log == ["train", *every_task, *twice, *alone, "predict_proba", *reordered, *blank, *swapped]


def test_targets_own_exception_is_not_swallowed() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        check_reranker(fake_targets.training_raises())


def test_progress_names_its_stages_and_ends() -> None:
    calls: list[tuple[int, int, str]] = []

    def progress(done: int, total: int, note: str = "") -> None:
        calls.append((done, total, note))

    check_reranker(fake_targets.sound(), progress=progress)
    stages = list(dict.fromkeys(note.partition(",")[0] for _, _, note in calls))
    assert stages == ["training", "scoring", "probabilities"]
    assert (60, 60, "training, loss 1.00 (chance 3.00)") in calls
    assert (1, 1, "scoring, blank prompts") in calls
    assert calls[-1] == (N_TASKS, N_TASKS, "scoring, histories swapped")


def test_score_that_takes_progress_is_given_it() -> None:
    class Reporting(fake_targets.Minimal):
        def score(self, tasks, progress):
            progress(len(tasks) // 2, len(tasks), "half way")
            return fake_targets.make_scores(tasks)

    notes: list[str] = []
    check_reranker(Reporting(), progress=lambda _done, _total, note="": notes.append(note))
    assert "scoring, half way" in notes


@pytest.mark.parametrize(
    ("n_candidates", "expected"),
    [(50, ["K=5", "K=20"]), (20, ["K=5"]), (6, ["K=5"]), (5, ["K=1"]), (2, ["K=1"])],
)
def test_default_cutoffs_lie_below_the_smallest_n(n_candidates: int, expected: list[str]) -> None:
    target = fake_targets.Minimal(ranking_tasks=fake_targets.make_tasks(60, n_candidates))
    checks = [verdict.check for verdict in check_reranker(target).verdicts]
    assert [f"recall_beats_baseline[{k}]" for k in expected] == [
        check for check in checks if check.startswith("recall_beats")
    ]


def test_explicit_cutoffs_win_over_declared_ones() -> None:
    checks = by_check(check_reranker(fake_targets.sound(), cutoffs=(10, 3, 3)))
    assert [check for check in checks if check.startswith("recall_beats")] == [
        "recall_beats_baseline[K=3]",
        "recall_beats_baseline[K=10]",
    ]


@pytest.mark.parametrize("cutoffs", [(20,), (5, 21), (0,)])
def test_vacuous_cutoffs_are_refused(cutoffs: tuple[int, ...]) -> None:
    with pytest.raises(VacuousMetricError, match=f"hold K={cutoffs[-1]}"):
        check_reranker(fake_targets.minimal(), cutoffs=cutoffs)


def test_declared_vacuous_cutoff_is_refused_and_named() -> None:
    with pytest.raises(VacuousMetricError, match="cutoffs of target 'vacuous cutoff' hold K=20"):
        check_reranker(fake_targets.vacuous_cutoff())


@pytest.mark.parametrize("cutoffs", [(), (2.5,), (True,)])
def test_cutoffs_that_are_none_or_no_numbers_are_refused(cutoffs) -> None:
    with pytest.raises(TargetError, match="the cutoffs asked for"):
        check_reranker(fake_targets.minimal(), cutoffs=cutoffs)


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
    with pytest.raises(TargetError, match=r"'sound': train\(\) gave None; return a TrainingTrace from it"):
        check_reranker(fake_targets.Sound(trace=None))  # type: ignore[arg-type]


def test_too_few_users_are_inconclusive_and_not_ok() -> None:
    report = check_reranker(fake_targets.undecided())
    assert by_check(report)["recall_beats_baseline[K=5]"] is Status.INCONCLUSIVE
    assert not report.ok


def test_details_with_nan_still_give_strict_json() -> None:
    assert check_reranker(fake_targets.sound()).to_json_dict()["details"] == {"lr": None}


def test_retriever_scores_become_a_baseline() -> None:
    tasks = fake_targets.make_tasks()
    perfect = [
        tuple(
            2.0 if item_id == task.target_id else 1.0 / (1 + slot)
            for slot, item_id in enumerate(task.candidate_ids)
        )
        for task in tasks
    ]
    tasks = [replace(task, retriever_scores=row) for task, row in zip(tasks, perfect, strict=True)]

    class Weak(fake_targets.Minimal):
        def score(self, tasks):
            return fake_targets.make_scores(tasks, lift=1.0)

    report = check_reranker(Weak(ranking_tasks=tasks))
    assert report.findings[0].fault == "baseline-not-beaten"
    assert "retriever order" in report.verdicts[position_of("recall_beats_baseline[K=5]")].threshold


def _title_number(text: str) -> float:
    return float(text.split()[-1])


def test_plain_function_becomes_a_target() -> None:
    tasks = fake_targets.make_tasks(1500)
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
    assert report.findings[0].check == "recall_beats_baseline[K=5]"
    assert report.findings[0].fault == "no-signal"


def test_plain_function_that_returns_nonsense_fails_well_formed() -> None:
    target = CallableTarget(lambda _history, candidates: [None] * len(candidates), fake_targets.make_tasks(5))
    report = check_reranker(target)
    assert report.findings[0].check == "scores_well_formed"


def test_plain_function_with_popularity_is_held_against_it() -> None:
    tasks = fake_targets.make_tasks()
    target = CallableTargetWithPopularity(
        lambda _history, candidates: np.arange(len(candidates), dtype=np.float64), tasks, popularity={"i1": 3}
    )
    thresholds = check_reranker(target).verdicts[position_of("recall_beats_baseline[K=5]")].threshold
    assert {"chance", "popularity", "reversed popularity"} <= set(thresholds)


def test_all_that_the_target_knows_becomes_a_baseline() -> None:
    verdicts = check_reranker(fake_targets.sound()).verdicts
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
    tasks = [replace(task, history=()) for task in fake_targets.make_tasks()]
    report = check_reranker(fake_targets.Sound(ranking_tasks=tasks))
    assert report.ok
    thresholds = report.verdicts[position_of("recall_beats_baseline[K=5]")].threshold
    assert "history-blind" not in thresholds
    assert "content-free prior" in thresholds


def test_history_ignored_says_what_the_ranking_is_and_where_to_look() -> None:
    finding = check_reranker(fake_targets.history_ignored()).findings[0]
    assert "does not depend on who asks" in finding.cause
    assert "look for the history" in finding.next_step


def test_a_prompt_that_is_drawn_anew_is_not_called_a_leak() -> None:
    report = check_reranker(fake_whole.history_shuffled(), keep_going=True)
    (blind,) = (verdict for verdict in report.verdicts if verdict.check == "prompt_blind_to_target")
    assert blind.fault == "nondeterministic"
    assert "when they are built again" in blind.evidence[0]
