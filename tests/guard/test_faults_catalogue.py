"""The list of faults: complete, well named, found by id, and each one does what it says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from guard.fake_reranker import FakeReranker
from guard.test_faults_wrapped import Minimal
from rerank_guard.errors import NotOfferedError, RerankGuardError
from rerank_guard.faults import FaultStage, UnknownFaultError, all_equivalents, all_faults, fault, readings
from rerank_guard.suite import check_reranker
from rerank_guard.types import Item, RankingTask

EXPECTED = {
    "D1": {"gt-missing"},
    "D2": {"gt-duplicate"},
    "D3": {"duplicate-candidates"},
    "D4": {"history-leak"},
    "D5": {"gt-position-skew"},
    "D6": {"split-overlap"},
    "D7": {"temporal-leak"},
    "D8": {"prompt-leak"},
    "D9": {"degenerate-titles"},
    "D10": {"no-signal"},
    "D11": {"label-offset"},
    "D12": {"gt-missing", "survivorship"},
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
    "S1": {"batch-dependent"},
    "S2": {"wrong-logit-position"},
    "S3": {"ties-decide"},
    "S4": {"reversed"},
    "S5": {"position-prior"},
    "S6": {"nondeterministic"},
    "S7": {"stale-checkpoint"},
    "S8": {"history-ignored"},
    "M1": {"vacuous-metric"},
    "M2": {"metric-tampered"},
    "M3": {"metric-wrong"},
    "B1": {"baseline-not-beaten"},
    "B2": {"regression"},
    "B3": {"slower"},
}


@pytest.fixture(scope="module")
def trained() -> FakeReranker:
    target = FakeReranker(n_test=120)
    target.train(lambda done, total, note="": None)
    return target


@pytest.mark.parametrize(("row", "names"), EXPECTED.items())
def test_every_row_of_the_zoo_has_its_faults(row, names):
    assert {each.name for each in readings(row)} == names


def test_ids_are_unique_and_every_stage_has_faults():
    assert [zoo_id for zoo_id, times in Counter(each.zoo_id for each in all_faults()).items() if times > 1] == []
    assert {each.stage for each in all_faults()} == set(FaultStage)


def test_a_fault_is_found_by_its_id():
    assert fault("d1").name == "gt-missing"
    assert fault("D5").zoo_id == "D5a"
    assert [each.zoo_id for each in readings("D1")] == ["D1"], "not D10 to D12"
    assert [each.zoo_id for each in readings("D6")] == ["D6", "D6r"]
    with pytest.raises(UnknownFaultError, match=r"no fault 'D55'.*the closest are D5"):
        fault("D55")
    with pytest.raises(RerankGuardError):
        readings("")


def test_degrees_rise_and_hold_valid_severities():
    for each in all_faults():
        assert list(each.degrees) == sorted(set(each.degrees)), each.zoo_id
        assert all(0.0 < degree <= 1.0 for degree in each.degrees), each.zoo_id
    for row in ("D5a", "D10", "D11a", "D11c", "S3b", "B2"):
        assert fault(row).degrees, f"{row} comes in degrees"


def test_a_target_that_lacks_the_method_is_told_which():
    assert fault("T1").missing_in(Minimal()) == ("letter_table",)
    assert not fault("T1").applies_to(Minimal())
    with pytest.raises(NotOfferedError, match="letter_table"):
        fault("T1").broken(Minimal())
    assert fault("D1").applies_to(Minimal())


def test_a_fault_that_no_task_can_have_is_not_offered():
    with pytest.raises(NotOfferedError, match="no task"):
        fault("D4").broken(Minimal())  # its users have no history
    with pytest.raises(NotOfferedError, match="history"):
        fault("S8b").broken(_with_score_made_up(Minimal()))


def _with_score_made_up(target: Minimal) -> Minimal:
    target.score_made_up = target.score
    return target


def changed(target: FakeReranker, zoo_id: str, severity: float) -> list[tuple[RankingTask, RankingTask]]:
    broken = fault(zoo_id).broken(target, severity=severity, seed=5)
    return [
        (old, new)
        for old, new in zip(target.tasks(), broken.tasks(), strict=True)
        if old.candidates != new.candidates or old.target_index != new.target_index
    ]


@pytest.mark.parametrize("zoo_id", ["D1", "D2", "D3", "D4", "D9a", "D9b", "D11a", "D11b", "D12b"])
@pytest.mark.parametrize("severity", [0.001, 0.25, 1.0])
def test_severity_is_the_share_of_users(trained, zoo_id, severity):
    assert len(changed(trained, zoo_id, severity)) == max(1, round(severity * 120))


def test_what_the_data_faults_do(trained):
    for old, new in changed(trained, "D1", 0.5):
        assert old.target_id not in new.candidate_ids
    for old, new in changed(trained, "D2", 0.5):
        assert new.candidate_ids.count(old.target_id) == 2
    for _, new in changed(trained, "D4", 0.5):
        assert {item.item_id for item in new.history} & set(new.candidate_ids)
    for zoo_id, slots in (("D5a", {0}), ("D5b", {19}), ("D5c", set(range(10)))):
        for _, new in changed(trained, zoo_id, 1.0):
            assert new.target_index in slots
            assert new.candidate_ids[new.target_index] == new.target_id
    for old, new in changed(trained, "D11b", 1.0):
        assert new.target_index == (old.target_index + 1) % 20
        assert new.candidate_ids[new.target_index] == new.target_id
    for old, new in changed(trained, "D12b", 1.0):
        assert new.n_candidates == old.n_candidates - 1
        assert new.target_index is None


def test_the_same_seed_hits_the_same_users(trained):
    again = [fault("D1").broken(trained, seed=5).tasks() for _ in range(2)]
    other = fault("D1").broken(trained, seed=6).tasks()
    assert again[0] == again[1] != other


def test_ragged_and_tiny_lists_can_be_broken():
    class Ragged(Minimal):
        def tasks(self):
            items = [Item(f"i{number}", f"film {number}") for number in range(12)]
            return [
                RankingTask(f"u{n}", (items[-1],), tuple(items[:n]), f"i{n - 1}", n - 1)
                for n in (2, 2, 3, 7, 11, 2, 5)
            ]

    target = _with_score_made_up(Ragged())
    for each in all_faults():
        if each.applies_to(target) and each.zoo_id != "S8a":
            try:
                broken = each.broken(target)
            except NotOfferedError:
                continue
            tasks = broken.tasks()
            assert [len(row) for row in broken.score(tasks)] == [task.n_candidates for task in tasks], each.zoo_id


@pytest.mark.parametrize("zoo_id", [each.zoo_id for each in all_faults() if each.stage is FaultStage.SCORING])
def test_probabilities_and_figures_follow_the_faulty_scores(trained, zoo_id):
    broken = fault(zoo_id).broken(trained, seed=1)
    tasks = broken.tasks()
    scores, probabilities = broken.score(tasks), broken.predict_proba(tasks)
    if zoo_id != "S6":  # every call differs, which is the fault
        for row, chances in zip(scores, probabilities, strict=True):
            odds = np.exp(row - row.max())
            np.testing.assert_allclose(chances, odds / odds.sum(), atol=1e-9)
    assert broken.reported_metrics().keys() == trained.reported_metrics().keys()
    assert any(not np.allclose(new, old) for new, old in zip(scores, trained.score(tasks), strict=True))


def test_a_target_that_gives_probabilities_gets_probabilities(trained):
    class Probabilities(Minimal):
        def tasks(self):
            return trained.tasks()

        def score(self, tasks):
            return trained.predict_proba(tasks)

    for row, sound in zip(
        fault("S4").broken(Probabilities()).score(trained.tasks()),
        trained.predict_proba(trained.tasks()),
        strict=True,
    ):
        assert row.sum() == pytest.approx(1.0)
        assert np.argmin(row) == np.argmax(sound)


def test_prompt_faults_give_the_scores_of_the_faulty_prompt(trained):
    tasks = trained.tasks()[:5]
    for zoo_id in ("T5b", "T6b", "T6f"):
        broken = fault(zoo_id).broken(trained)
        prompts = broken.scoring_prompts(tasks)
        assert [prompt.token_ids for prompt in prompts] != [
            prompt.token_ids for prompt in trained.scoring_prompts(tasks)
        ], zoo_id
        logits = trained.next_token_logits([prompt.before_answer for prompt in prompts])
        letters = [letter.token_ids[0] for letter in trained.letter_table().letters[:20]]
        for row, of_all in zip(broken.score(tasks), logits, strict=True):
            np.testing.assert_allclose(row, of_all[letters])


def test_a_model_that_is_at_fault_shows_it_in_its_plain_forward_pass(trained):
    for zoo_id in ("S5", "S8a", "S8b", "B1b"):
        broken = fault(zoo_id).broken(trained)
        tasks = broken.tasks()[:5]
        logits = broken.next_token_logits([prompt.token_ids for prompt in broken.scoring_prompts(tasks)])
        letters = [letter.token_ids[0] for letter in broken.letter_table().letters[:20]]
        for row, of_all in zip(broken.score(tasks), logits, strict=True):
            np.testing.assert_allclose(row - row.max(), of_all[letters] - of_all[letters].max(), atol=1e-9)


@pytest.mark.parametrize("equivalent", all_equivalents(), ids=lambda equivalent: equivalent.name)
def test_an_equivalent_change_stays_silent(equivalent, trained):
    target = equivalent.apply(FakeReranker(), np.random.default_rng(2))
    report = check_reranker(target)
    assert [(verdict.check, verdict.cause) for verdict in report.verdicts if not verdict.ok] == []
    assert target.tasks() != FakeReranker().tasks() or equivalent.name == "scores-scaled", "it changes something"
