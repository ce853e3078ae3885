"""The injectors: complete, found by id, and each one does what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from small_rerankers import Minimal

from rerank_guard.core.errors import NotOfferedError, RerankGuardError, UnknownNameError
from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.faults import all_injectors, injector, readings
from rerank_guard.faults.healthy import HealthyReranker
from rerank_guard.faults.listed import moved_to, reordered

EXPECTED = {
    "D1": {"target-not-listed"},
    "D2": {"target-listed-twice"},
    "D3": {"duplicate-candidates"},
    "D4": {"history-leak"},
    "D5": {"target-position-skew"},
    "D6": {"split-overlap"},
    "D7": {"temporal-leak"},
    "D8": {"prompt-leak"},
    "D9": {"degenerate-titles"},
    "D10": {"no-signal"},
    "D11": {"label-offset"},
    "D12": {"target-not-listed", "survivorship"},
    "D13": {"tasks-redrawn"},
    "D14": {"split-overlap"},
    "D15": {"train-test-mismatch"},
    "D16": {"easy-negatives"},
    "T1": {"multi-token-letter"},
    "T2": {"wrong-letter-variant"},
    "T3": {"letters-exhausted"},
    "T4": {"letter-collision"},
    "T5": {"prompt-truncated"},
    "T6": {"prompt-skew"},
    "T7": {"silent-fallback"},
    "O1": {"no-update"},
    "O2": {"diverged"},
    "O3": {"no-trainable-parameters"},
    "O4": {"loss-mask-wrong"},
    "O5": {"letter-not-supervised"},
    "O6": {"anti-learning"},
    "O7": {"under-trained"},
    "O8": {"silent-nan"},
    "O9": {"adapter-inactive"},
    "O10": {"not-trained"},
    "O11": {"config-ignored"},
    "O12": {"loss-scale-wrong"},
    "O13": {"no-update"},
    "S1": {"batch-dependent"},
    "S2": {"wrong-logit-position"},
    "S3": {"ties-decide"},
    "S4": {"reversed"},
    "S5": {"position-prior"},
    "S6": {"nondeterministic"},
    "S7": {"stale-checkpoint"},
    "S8": {"history-ignored"},
    "S9": {"rows-misaligned"},
    "S10": {"scores-cached"},
    "S11": {"silent-fallback"},
    "P5": {"score-scale-wrong", "scores-saturated"},
    "M1": {"vacuous-metric"},
    "M2": {"metric-tampered"},
    "M3": {"metric-wrong"},
    "B1": {"baseline-not-beaten"},
    "B2": {"regression"},
    "B3": {"slower"},
}

SCORING = ("S1", "S2a", "S2b", "S3a", "S3b", "S4", "S5", "S6", "S7", "S8a", "S8b", "S9", "T7a", "T7b", "T7c", "T7d")


@pytest.fixture(scope="module")
def trained() -> HealthyReranker:
    target = HealthyReranker(n_test=120)
    target.train(lambda done, total, note="": None)
    return target


@pytest.mark.parametrize(("row", "names"), EXPECTED.items())
def test_every_row_has_its_injectors(row, names):
    assert {each.fault.name for each in readings(row)} == names


def test_every_injector_is_in_a_row():
    assert {each.id for each in all_injectors()} == {each.id for row in EXPECTED for each in readings(row)}


def test_ids_are_unique_and_every_stage_has_injectors():
    assert [each for each, times in Counter(each.id for each in all_injectors()).items() if times > 1] == []
    assert {each.fault.stage for each in all_injectors()} == set(Stage)


def test_the_order_is_that_in_which_a_reranker_is_made():
    kinds = [each.id[0] for each in all_injectors()]
    assert kinds == sorted(kinds, key="DTOSPMB".index)
    assert [each.id for each in readings("D5")] == ["D5a", "D5b", "D5c", "D5d", "D5e"]


def test_every_answer_is_a_fault_of_the_catalogue():
    known = set(all_faults())
    for each in all_injectors():
        assert {each.fault.name, *(fault.name for fault in each.also)} <= known, each.id


def test_an_injector_is_found_by_its_id():
    assert injector("d1").fault.name == "target-not-listed"
    assert injector("D5").id == "D5a"
    assert [each.id for each in readings("D1")] == ["D1"], "not D10 to D12"
    assert [each.id for each in readings("D6")] == ["D6", "D6r"]
    with pytest.raises(UnknownNameError, match=r"'D55'.*D5"):
        injector("D55")
    with pytest.raises(RerankGuardError):
        readings("")


def test_degrees_rise_and_are_valid_severities():
    for each in all_injectors():
        assert list(each.degrees) == sorted(set(each.degrees)), each.id
        assert all(0.0 < degree <= 1.0 for degree in each.degrees), each.id
    for row in ("D5a", "D10", "D11a", "D11c", "S3b", "B2"):
        assert injector(row).degrees, f"{row} comes in degrees"


def test_a_reranker_that_lacks_the_method_is_refused_with_its_name():
    assert injector("T1").missing_in(Minimal()) == ("letter_table",)
    assert not injector("T1").applies_to(Minimal())
    with pytest.raises(NotOfferedError, match="letter_table"):
        injector("T1").broken(Minimal())
    assert injector("D1").applies_to(Minimal())


def test_a_fault_that_no_task_can_have_is_not_offered():
    with pytest.raises(NotOfferedError, match="no task"):
        injector("D4").broken(Minimal())  # its users have no history
    with pytest.raises(NotOfferedError, match="history"):
        injector("S8b").broken(_with_score_synthetic(Minimal()))


def _with_score_synthetic(target: Minimal) -> Minimal:
    target.score_synthetic = target.score
    return target


def changed(target: HealthyReranker, injector_id: str, severity: float) -> list[tuple[RankingTask, RankingTask]]:
    broken = injector(injector_id).broken(target, severity=severity, seed=5)
    return [
        (old, new)
        for old, new in zip(target.tasks(), broken.tasks(), strict=True)
        if old.candidates != new.candidates or old.target_index != new.target_index
    ]


@pytest.mark.parametrize("injector_id", ["D1", "D2", "D3", "D4", "D9a", "D9b", "D11a", "D11b", "D12b"])
@pytest.mark.parametrize("severity", [0.001, 0.25, 1.0])
def test_severity_is_the_share_of_users(trained, injector_id, severity):
    assert len(changed(trained, injector_id, severity)) == max(1, round(severity * 120))


def test_what_is_listed_changes(trained):
    for old, new in changed(trained, "D1", 0.5):
        assert old.target_id not in new.candidate_ids
    for old, new in changed(trained, "D2", 0.5):
        assert new.candidate_ids.count(old.target_id) == 2
    for _, new in changed(trained, "D4", 0.5):
        assert {item.item_id for item in new.history} & set(new.candidate_ids)
    for old, new in changed(trained, "D12b", 1.0):
        assert new.n_candidates == old.n_candidates - 1
        assert new.target_index is None


@pytest.mark.parametrize(("injector_id", "positions"), [("D5a", {0}), ("D5b", {19}), ("D5c", set(range(10)))])
def test_the_target_item_moves(trained, injector_id, positions):
    for _, new in changed(trained, injector_id, 1.0):
        assert new.target_index in positions
        assert new.candidate_ids[new.target_index] == new.target_id


def test_the_label_moves(trained):
    for old, new in changed(trained, "D11a", 1.0):
        assert (new.target_index, new.target_id) == ((old.target_index + 1) % 20, old.target_id)
    for old, new in changed(trained, "D11b", 1.0):
        assert new.target_index == (old.target_index + 1) % 20
        assert new.candidate_ids[new.target_index] == new.target_id


def test_a_list_is_reordered_with_all_that_belongs_to_it(trained):
    task = replace(trained.tasks()[0], first_stage_scores=tuple(map(float, range(20))))
    order = [*range(10, 20), *range(10)]
    moved = reordered(task, order)
    assert moved.candidate_ids == tuple(task.candidate_ids[old] for old in order)
    assert moved.first_stage_scores == tuple(map(float, order))
    assert moved.candidate_ids[moved.target_index] == task.target_id
    assert moved_to(task, 3).candidate_ids[3] == task.target_id
    assert moved_to(replace(task, target_id="unlisted"), 3) is None


def test_the_same_seed_hits_the_same_users(trained):
    again = [injector("D1").broken(trained, seed=5).tasks() for _ in range(2)]
    other = injector("D1").broken(trained, seed=6).tasks()
    assert again[0] == again[1] != other


@pytest.mark.parametrize("injector_id", ["D5e", "D10", "D11c", "B2"])
def test_training_data_are_broken_in_the_copy_and_the_same_at_every_call(trained, injector_id):
    broken = [injector(injector_id).broken(trained, severity=0.5, seed=5).training_tasks() for _ in range(2)]
    assert broken[0] == broken[1]
    fields = ("candidate_ids", "target_id", "target_index")
    different = [
        any(getattr(old, name) != getattr(new, name) for name in fields)
        for old, new in zip(trained.training_tasks(), broken[0], strict=True)
    ]
    # of targets moved to the first position, one in twenty is there already
    assert np.mean(different) == pytest.approx(0.5, abs=0.05)


class Ragged(Minimal):
    """Lists of 2 to 11 candidates."""

    def tasks(self):
        items = [Item(f"i{number}", f"film {number}") for number in range(12)]
        return [
            RankingTask(f"u{n}", (items[-1],), tuple(items[:n]), f"i{n - 1}", n - 1) for n in (2, 2, 3, 7, 11, 2, 5)
        ]


def test_ragged_and_tiny_lists_can_be_broken():
    target = _with_score_synthetic(Ragged())
    for each in all_injectors():
        if each.applies_to(target) and each.id != "S8a":
            try:
                broken = each.broken(target)
            except NotOfferedError:
                continue
            tasks = broken.tasks()
            assert [len(row) for row in broken.score(tasks)] == [task.n_candidates for task in tasks], each.id


@pytest.mark.parametrize("injector_id", SCORING)
def test_probabilities_and_figures_follow_the_faulty_scores(trained, injector_id):
    broken = injector(injector_id).broken(trained, seed=1)
    tasks = broken.tasks()
    scores, probabilities = broken.score(tasks), broken.predict_proba(tasks)
    if injector_id != "S6":  # every call differs, which is the fault
        for row, chances in zip(scores, probabilities, strict=True):
            odds = np.exp(row - row.max())
            np.testing.assert_allclose(chances, odds / odds.sum(), atol=1e-9)
    assert broken.reported_metrics().keys() == trained.reported_metrics().keys()
    assert any(not np.allclose(new, old) for new, old in zip(scores, trained.score(tasks), strict=True))


def test_a_reranker_that_gives_probabilities_gets_probabilities(trained):
    class Probabilities(Minimal):
        def tasks(self):
            return trained.tasks()

        def score(self, tasks):
            return trained.predict_proba(tasks)

    for row, healthy in zip(
        injector("S4").broken(Probabilities()).score(trained.tasks()),
        trained.predict_proba(trained.tasks()),
        strict=True,
    ):
        assert row.sum() == pytest.approx(1.0)
        assert np.argmin(row) == np.argmax(healthy)


@pytest.mark.parametrize("injector_id", ["T5b", "T6b", "T6f"])
def test_prompt_faults_give_the_scores_of_the_faulty_prompt(trained, injector_id):
    tasks = trained.tasks()[:5]
    broken = injector(injector_id).broken(trained)
    prompts = broken.scoring_prompts(tasks)
    assert [prompt.token_ids for prompt in prompts] != [
        prompt.token_ids for prompt in trained.scoring_prompts(tasks)
    ]
    logits = trained.next_token_logits([prompt.before_answer for prompt in prompts])
    letters = [letter.token_ids[0] for letter in trained.letter_table().letters[:20]]
    for row, of_all in zip(broken.score(tasks), logits, strict=True):
        np.testing.assert_allclose(row, of_all[letters])


@pytest.mark.parametrize("injector_id", ["S5", "S8a", "S8b", "B1b"])
def test_a_faulty_model_shows_it_in_its_plain_forward_pass(trained, injector_id):
    broken = injector(injector_id).broken(trained)
    tasks = broken.tasks()[:5]
    logits = broken.next_token_logits([prompt.token_ids for prompt in broken.scoring_prompts(tasks)])
    letters = [letter.token_ids[0] for letter in broken.letter_table().letters[:20]]
    for row, of_all in zip(broken.score(tasks), logits, strict=True):
        np.testing.assert_allclose(row - row.max(), of_all[letters] - of_all[letters].max(), atol=1e-9)
