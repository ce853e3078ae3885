"""The embedded default target: a tiny base model and a known-truth world, so that the gate runs with no download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from rerank_guard.core.population import Population
from rerank_guard.core.split_times import SplitTimes
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.data.world_draw import Draw
from rerank_model.errors import BackendError, DataError
from rerank_model.prompt.prompt import PromptConfig
from rerank_model.reranker import Reranker
from rerank_model.targets.target import RerankerTarget, count_items
from rerank_model.training.settings import TrainingSettings

__all__ = ["WorldTarget", "embedded_base", "embedded_film_base", "make_target"]

N_CANDIDATES = (30, 50)
"""The least and the greatest N; each user's is drawn between them, so that prompts differ in length."""
CUTOFFS = (20, 5)


def embedded_base() -> Path:
    """The folder of the tiny base model: inside the installed package, or the repository's `fixtures/`.

    Raises:
        BackendError: it is in neither.
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "_fixtures" / "tiny-qwen3", here.parents[3] / "fixtures" / "tiny-qwen3"):
        if (folder / "config.json").is_file():
            return folder
    raise BackendError(
        "the embedded base model is missing from this installation; reinstall rerank-guard from its wheel, or run "
        "`make base` in the repository."
    )


def embedded_film_base() -> Path:
    """The folder of the base pretrained on synthetic films; its tokenizer is `embedded_base()`'s."""
    return embedded_base() / "films"


class WorldTarget(RerankerTarget):
    """A reranker in a known-truth world: the exact posterior of every task is known."""

    def __init__(self, *args: object, rule: SplitTasteRule, draw: Draw, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._posterior = {
            task.query_id: row[: task.n_candidates]
            for task, row in zip(self.test_tasks, rule.posterior(draw.history, draw.candidates), strict=True)
        }

    def population(self) -> Population:
        """The held-out users are all that were drawn."""
        return Population(len(self._posterior))

    def split_times(self) -> SplitTimes:
        """The order in which the world drew its users: those trained on first."""
        trained, judged = self.train_tasks, self.test_tasks
        return SplitTimes(
            [task.query_id for task in trained],
            np.arange(len(trained)),
            [task.query_id for task in judged],
            np.arange(len(trained), len(trained) + len(judged)),
            "time",
        )

    def oracle_proba(self, tasks: Sequence[RankingTask]) -> list[FloatArray]:
        """The exact posterior over the slots.

        Raises:
            DataError: a task that is not one of the held-out ones.
        """
        try:
            return [self._posterior[task.query_id] for task in tasks]
        except KeyError as error:
            raise DataError(f"task {error} is not among the held-out tasks, whose truth alone is kept.") from error


def make_target(
    seed: int = 0,
    device: str | None = None,
    *,
    n_train: int = 3200,
    n_test: int = 500,
    settings: TrainingSettings | None = None,
) -> WorldTarget:
    """The default target of `pytest --rerank`: LoRA on the embedded base, N=30 to 50, Recall@20 and Hit@5.

    Histories, lists and titles have unlike lengths, 224 to 403 tokens a prompt: padding on the wrong side, a last position
    of another row or a prompt limit would leave prompts of one length unchanged.

    Args:
        seed: of the world's users, the adapters and the data order.
        device: where to run; None for CUDA where there is one.
        n_train: training users.
        n_test: held-out users.
        settings: of the job; None for the default, one pass over the training users.
    """
    rule = SplitTasteRule()
    rng = np.random.default_rng(seed)
    least, greatest = N_CANDIDATES
    train_tasks, _ = world_tasks(rule, n_train, N_CANDIDATES, rng, prefix="train-")
    test_tasks, draw = world_tasks(rule, n_test, N_CANDIDATES, rng, prefix="user-")
    new_reranker = partial(Reranker.from_pretrained, embedded_base(), device=device, prompt=PromptConfig())
    return WorldTarget(
        new_reranker(),
        new_reranker=new_reranker,
        name="embedded tiny Qwen3 + LoRA",
        dataset=f"known-truth world, N={least} to {greatest}, {rule.decoy:.0%} of the negatives share the history's mood",
        train_tasks=train_tasks,
        test_tasks=test_tasks,
        settings=settings or default_settings(seed),
        item_popularity=count_items(train_tasks),
        cutoffs=CUTOFFS,
        sampler=f"{least - 1} to {greatest - 1} negatives of the world, {rule.decoy:.0%} of them with the history's mood",
        split="users apart",
        rule=rule,
        draw=draw,
    )


def default_settings(seed: int) -> TrainingSettings:
    """LoRA r=8 on the attention, 200 steps of 16: about half a minute on two cores."""
    return TrainingSettings(
        lora=LoraSettings(rank=8, alpha=16),
        learning_rate=3e-3,
        batch_size=16,
        warmup_steps=10,
        schedule="cosine",
        seed=seed,
    )
