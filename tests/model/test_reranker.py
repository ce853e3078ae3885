from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from rerank_guard.core.errors import VacuousMetricError
from rerank_guard.core.types import TrainingTrace
from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.errors import BackendError, ConfigError, PromptError, TrainingError
from rerank_model.prompt.prompt import PromptConfig
from rerank_model.reranker import Reranker
from rerank_model.scoring.score import log_softmax
from rerank_model.targets.embedded import embedded_base
from rerank_model.training.settings import TrainingSettings


def silent(done, total, note="") -> None:
    """A progress callback that shows nothing."""


SHORT = TrainingSettings(learning_rate=1e-2, batch_size=4, max_steps=3, warmup_steps=0)


@pytest.fixture
def own_reranker() -> Reranker:
    return Reranker.from_pretrained(embedded_base(), device="cpu")


@dataclass(frozen=True)
class Job:
    """A short job, what it recorded and reported, and what the base model was before it."""

    reranker: Reranker
    trace: TrainingTrace
    calls: list[tuple[int, int, str]]
    weights_before: dict[str, torch.Tensor]
    scores_before: list[np.ndarray]


@pytest.fixture(scope="module")
def job(few_tasks) -> Job:
    reranker = Reranker.from_pretrained(embedded_base(), device="cpu")
    weights = {name: weight.detach().clone() for name, weight in reranker.scorer.model.named_parameters()}
    scores = reranker.score_tasks(few_tasks)
    calls = []
    trace = reranker.fit(few_tasks, SHORT, lambda done, total, note="": calls.append((done, total, note)))
    return Job(reranker, trace, calls, weights, scores)


@pytest.fixture(scope="module")
def trained(job) -> Reranker:
    return job.reranker


def test_rank_keeps_the_original_indices(base_reranker, few_tasks):
    task = few_tasks[0]
    history, candidates = [i.text for i in task.history], [i.text for i in task.candidates]
    ranking = base_reranker.rank(history, candidates)
    assert sorted(row["corpus_id"] for row in ranking) == list(range(12))
    assert [row["text"] for row in ranking] == [candidates[row["corpus_id"]] for row in ranking]
    assert [row["score"] for row in ranking] == sorted((row["score"] for row in ranking), reverse=True)
    assert base_reranker.rank(history, candidates, top_k=3) == ranking[:3]
    assert base_reranker.rank(task.history, task.candidates) == ranking, "texts and items rank alike"


def test_score_and_probabilities_belong_together(base_reranker, few_tasks):
    task = few_tasks[1]
    scores = base_reranker.score(task.history, task.candidates)
    probabilities = base_reranker.predict_proba(task.history, task.candidates)
    assert scores.dtype == np.float64
    assert scores.shape == (12,)
    np.testing.assert_allclose(probabilities.sum(), 1.0)
    np.testing.assert_allclose(np.log(probabilities) - scores, (np.log(probabilities) - scores)[0])


def test_scoring_is_deterministic_and_order_is_kept(base_reranker, few_tasks):
    first = base_reranker.score_tasks(few_tasks)
    np.testing.assert_allclose(first, base_reranker.score_tasks(few_tasks))
    single = [base_reranker.score(task.history, task.candidates) for task in few_tasks]
    np.testing.assert_allclose(first, single, atol=1e-4)


@pytest.mark.parametrize(
    ("history", "candidates", "match"),
    [
        ([], [], "0 candidate"),
        ([], ["Only"], "1 candidate"),
        ([], [f"T {i}" for i in range(60)], "60 candidates but 52 letters"),
        (["a\nb"], ["x", "y"], r"U\+000A"),
        ([], ["x", ""], "blank title"),
    ],
)
def test_bad_lists_raise(base_reranker, history, candidates, match):
    for method in (base_reranker.rank, base_reranker.score, base_reranker.predict_proba):
        with pytest.raises(PromptError, match=match):
            method(history, candidates)


def test_a_single_string_is_not_a_list(base_reranker):
    with pytest.raises(ConfigError, match="pass \\[text"):
        base_reranker.rank("Toy Story", ["x", "y"])
    with pytest.raises(ConfigError, match="top_k is 0"):
        base_reranker.rank([], ["x", "y"], top_k=0)


def test_empty_history_ranks(base_reranker):
    assert len(base_reranker.rank([], ["Icy Harbor", "Molten Ridge"])) == 2


def test_training_moves_only_the_adapters(job):
    trace, inner = job.trace, job.reranker.scorer.model
    after = dict(inner.get_base_model().named_parameters())
    for name, value in job.weights_before.items():
        moved = after.get(name, after.get(name.replace("_proj.weight", "_proj.base_layer.weight")))
        assert torch.equal(value, moved), f"{name} must stay frozen"
    adapters = {name: p for name, p in inner.named_parameters() if "lora_B" in name}
    assert adapters
    assert all(p.abs().sum() > 0 for p in adapters.values()), "every adapter must have moved"
    assert trace.trainable_parameters == sum(p.numel() for p in inner.parameters() if p.requires_grad)
    assert trace.optimizer_steps == trace.planned_steps == 3
    assert trace.example_step.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert trace.first_pass.all()
    assert np.isfinite(trace.gradient_norm).all()
    assert trace.learning_rate[0] == pytest.approx(1e-2)
    assert not job.reranker.scorer.training, "dropout must be off after training"


def test_recorded_nll_is_that_before_the_step(job, few_tasks):
    """The first batch's NLL is that of the untrained model."""
    rows = zip(job.scores_before, few_tasks, strict=True)
    untouched = {-log_softmax(row)[task.target_index] for row, task in rows}
    for value in job.trace.letter_nll[:4]:
        assert min(abs(value - other) for other in untouched) < 1e-4


def test_later_passes_are_marked(own_reranker, few_tasks):
    settings = TrainingSettings(batch_size=8, epochs=2, warmup_steps=0)
    trace = own_reranker.fit(few_tasks, settings, silent)
    assert trace.first_pass.tolist() == [True] * 24 + [False] * 24
    assert trace.planned_steps == trace.optimizer_steps == 6


def test_training_every_weight(own_reranker, few_tasks):
    before = own_reranker.score_tasks(few_tasks)
    settings = TrainingSettings(lora=None, learning_rate=1e-3, batch_size=4, max_steps=2, warmup_steps=0)
    trace = own_reranker.fit(few_tasks, settings, silent)
    assert trace.trainable_parameters == sum(p.numel() for p in own_reranker.scorer.model.parameters())
    assert not np.allclose(before, own_reranker.score_tasks(few_tasks))


def test_same_seed_same_job(job, own_reranker, few_tasks):
    trace = own_reranker.fit(few_tasks, SHORT, silent)
    np.testing.assert_allclose(trace.letter_nll, job.trace.letter_nll, atol=1e-5)


def test_progress_is_reported(job):
    assert [(done, total) for done, total, _ in job.calls] == [(1, 3), (2, 3), (3, 3)]
    assert "letter NLL" in job.calls[0][2]


def test_a_saved_reranker_scores_as_before(job, trained, few_tasks, tmp_path):
    trained.save_pretrained(tmp_path)
    again = Reranker.from_pretrained(tmp_path, device="cpu").score_tasks(few_tasks)
    np.testing.assert_allclose(trained.score_tasks(few_tasks), again, atol=1e-6)
    assert not np.allclose(job.scores_before, again), "the adapter must count"
    assert not list(tmp_path.glob("*.bin")), "safetensors only"


def test_a_saved_adapter_can_be_trained_further(trained, few_tasks, tmp_path):
    trained.save_pretrained(tmp_path)
    again = Reranker.from_pretrained(tmp_path, device="cpu")
    before = again.score_tasks(few_tasks)
    trace = again.fit(few_tasks, SHORT, silent)
    assert trace.trainable_parameters > 0
    assert not np.allclose(before, again.score_tasks(few_tasks))


def test_settings_that_contradict_the_adapter_are_refused(trained, few_tasks):
    for lora in (LoraSettings(rank=4), LoraSettings(target_modules=("q_proj",)), None):
        with pytest.raises(ConfigError, match="has an adapter"):
            trained.fit(few_tasks, TrainingSettings(lora=lora, max_steps=1))


def test_gradient_checkpointing_gives_the_same_job(job, own_reranker, few_tasks):
    trace = own_reranker.fit(few_tasks, replace(SHORT, gradient_checkpointing=True), silent)
    np.testing.assert_allclose(trace.letter_nll, job.trace.letter_nll, atol=1e-4)


def test_nan_scores_are_no_ranking(own_reranker):
    with torch.no_grad():
        own_reranker.scorer.model.get_input_embeddings().weight.fill_(float("nan"))
    with pytest.raises(BackendError, match="not finite"):
        own_reranker.rank([], ["Icy Harbor", "Molten Ridge"])


def test_a_tokenizer_without_pad_token_scores_the_same(base_reranker, own_reranker, few_tasks):
    own_reranker.tokenizer.pad_token = None
    assert own_reranker.tokenizer.pad_token_id is None
    expected = base_reranker.score_tasks(few_tasks)
    np.testing.assert_allclose(own_reranker.score_tasks(few_tasks), expected, atol=1e-6)


def test_bfloat16_letter_logits_do_not_tie(few_tasks):
    """Half-precision weights, but the last product in float32: 12 candidates get 12 scores."""
    half = Reranker.from_pretrained(embedded_base(), device="cpu", dtype=torch.bfloat16)
    for row in half.score_tasks(few_tasks):
        assert len(set(row.tolist())) == 12


def test_saving_over_the_other_kind_removes_its_files(trained, few_tasks, tmp_path):
    trained.save_pretrained(tmp_path)
    Reranker.from_pretrained(embedded_base(), device="cpu").save_pretrained(tmp_path)
    again = Reranker.from_pretrained(tmp_path, device="cpu")
    assert not hasattr(again.scorer.model, "peft_config")


@pytest.mark.parametrize("title", [None, 3, float("nan")])
def test_titles_must_be_texts(base_reranker, title):
    with pytest.raises(ConfigError, match="title 1"):
        base_reranker.rank([], ["x", title])


def test_the_prompt_travels_with_the_weights(tmp_path, few_tasks):
    Reranker.from_pretrained(embedded_base(), device="cpu", prompt=PromptConfig(question="Which?")).save_pretrained(
        tmp_path
    )
    assert Reranker.from_pretrained(tmp_path, device="cpu").prompt.question == "Which?"


def test_merged_export_is_a_plain_model(trained, few_tasks, tmp_path):
    trained.export_merged(tmp_path)
    plain = Reranker.from_pretrained(tmp_path, device="cpu")
    assert not hasattr(plain.scorer.model, "peft_config")
    np.testing.assert_allclose(trained.score_tasks(few_tasks), plain.score_tasks(few_tasks), atol=1e-4)


def test_an_adapter_without_its_weights_is_refused(trained, tmp_path):
    from safetensors.torch import load_file, save_file

    trained.save_pretrained(tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    weights = load_file(file)
    save_file({k: v for i, (k, v) in enumerate(weights.items()) if i % 2}, file)
    with pytest.raises(BackendError, match="without some of its weights"):
        Reranker.from_pretrained(tmp_path, device="cpu")


class Malicious:
    def __reduce__(self):
        return (open, ("pwned", "w"))


def test_pickled_weights_are_never_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    shutil.copytree(embedded_base(), folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(BackendError, match="only as pickle"):
        Reranker.from_pretrained(folder)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("damage", ["cut", "garbage", "no config", "no tokenizer"])
def test_unreadable_checkpoints(tmp_path, damage):
    folder = tmp_path / "model"
    shutil.copytree(embedded_base(), folder)
    weights = folder / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif damage == "garbage":
        weights.write_bytes(b"\x00" * 1000)
    elif damage == "no config":
        (folder / "config.json").unlink()
    else:
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").unlink()
    with pytest.raises(BackendError, match="cannot load"):
        Reranker.from_pretrained(folder)


def test_a_name_that_does_not_exist(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BackendError, match="cannot load 'nowhere/nothing'"):
        Reranker.from_pretrained("nowhere/nothing")


def test_broken_reranker_config(tmp_path):
    (tmp_path / "reranker_config.json").write_text(json.dumps({"schema": 9}))
    with pytest.raises(BackendError, match="not a reranker's configuration"):
        Reranker.from_pretrained(tmp_path)


def test_missing_device_and_backend():
    with pytest.raises(ConfigError, match="backend 'tensorflow'"):
        Reranker.from_pretrained(embedded_base(), backend="tensorflow")
    if not torch.cuda.is_available():
        with pytest.raises(BackendError, match="sees no CUDA device"):
            Reranker.from_pretrained(embedded_base(), device="cuda")


def test_no_layer_to_adapt(own_reranker, few_tasks):
    settings = TrainingSettings(lora=LoraSettings(target_modules=("nothing_like_it",)), max_steps=1)
    with pytest.raises(BackendError, match="nothing_like_it"):
        own_reranker.fit(few_tasks, settings)


def test_nothing_to_train_on(own_reranker):
    with pytest.raises(TrainingError, match="no training tasks"):
        own_reranker.fit([], SHORT)


def test_evaluation_counts_missing_targets(base_reranker, few_tasks):
    lost = [replace(task, target_index=None) if i < 6 else task for i, task in enumerate(few_tasks)]
    whole = base_reranker.evaluate(few_tasks, (3,))
    partly = base_reranker.evaluate(lost, (3,))
    assert partly.users_without_target == 6
    assert partly.n_users == whole.n_users == 24
    assert partly.recall_at_k[3] <= whole.recall_at_k[3]
    assert whole.chance_at_k[3] == pytest.approx(0.25)
    with pytest.raises(VacuousMetricError):
        base_reranker.evaluate(few_tasks, (12,))


@pytest.mark.parametrize(
    "bad",
    [
        {"batch_size": 0},
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"max_grad_norm": 0.0},
        {"epochs": 0},
        {"max_steps": 0},
        {"gradient_accumulation": 0},
        {"warmup_steps": -1},
    ],
)
def test_settings_are_checked(bad):
    with pytest.raises(ConfigError):
        TrainingSettings(**bad)
