"""What each command of `rerank-model` does; heavy imports wait until a command runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from rerank_model.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rerank_guard.core.types import RankingTask
    from rerank_model.data.catalogue import Catalogue
    from rerank_model.data.samplers import NegativeSampler
    from rerank_model.data.splits import Split
    from rerank_model.reranker import Reranker

__all__ = ["run_data", "run_evaluate", "run_rank", "run_train"]


def run_data(args: argparse.Namespace) -> None:
    """Fetch a data set and say where it is."""
    from rerank_model.data.ml100k import ML_100K_LICENCE, fetch_ml_100k

    print(fetch_ml_100k(args.cache, PrintProgress()))
    print(ML_100K_LICENCE)


def run_train(args: argparse.Namespace) -> None:
    """Train on every position of the training histories, save, and report the validation users before and after."""
    from rerank_model.backends.lora_settings import LoraSettings
    from rerank_model.data.tasks import held_out_tasks, training_tasks
    from rerank_model.reranker import Reranker
    from rerank_model.training.settings import TrainingSettings
    from rerank_model.training.trainer import latest_checkpoint

    rng = np.random.default_rng(args.seed)
    split, catalogue, sampler = _read_data(args)
    if split.validation is None:
        raise DataError("this split has no validation users; use leave-last-out.")
    sizes = {"n_candidates": args.n_candidates, "history_length": args.history_length}
    validation = held_out_tasks(split.validation, catalogue, sampler, rng=rng, **sizes)
    train = training_tasks(split.train, catalogue, sampler, rng=rng, **sizes)
    settings = TrainingSettings(
        lora=LoraSettings(rank=args.lora_rank, alpha=2 * args.lora_rank) if args.lora_rank else None,
        learning_rate=args.learning_rate,
        batch_size=args.batch_size,
        gradient_accumulation=args.accumulate,
        epochs=args.epochs,
        max_steps=args.max_steps,
        warmup_steps=args.warmup_steps,
        seed=args.seed,
        checkpoint_dir=args.out / "checkpoints",
    )
    resume_from = latest_checkpoint(args.out / "checkpoints")
    if resume_from is not None and not args.resume:
        raise ConfigError(
            f"{resume_from} is left from an earlier job; pass --resume to continue it, or another --out."
        )
    if args.resume:
        print(
            f"continuing from {resume_from}"
            if resume_from is not None
            else "no checkpoint found; starting from the base model"
        )
    reranker = Reranker.from_pretrained(args.model, backend=args.backend, device=args.device)
    _print_quality("before", reranker, validation, [_default_cutoff(args.n_candidates)])
    trace = reranker.fit(train, settings, PrintProgress(), resume_from=resume_from)
    reranker.save_pretrained(args.out)
    _print_quality("after", reranker, validation, [_default_cutoff(args.n_candidates)])
    print(f"{trace.optimizer_steps} steps in {trace.seconds:.0f} s; saved to {args.out}")


def run_evaluate(args: argparse.Namespace) -> None:
    """Print the quality on the test users."""
    import torch

    from rerank_model.data.tasks import held_out_tasks
    from rerank_model.reranker import Reranker

    split, catalogue, sampler = _read_data(args)
    tasks = held_out_tasks(
        split.test,
        catalogue,
        sampler,
        n_candidates=args.n_candidates,
        history_length=args.history_length,
        rng=np.random.default_rng(args.seed),
    )
    reranker = Reranker.from_pretrained(
        args.model,
        device=args.device,
        tokens_per_batch=args.tokens_per_batch,
        scoring_dtype=getattr(torch, args.scoring_dtype) if args.scoring_dtype else None,
    )
    _print_quality("test", reranker, tasks, args.k)


def run_rank(args: argparse.Namespace) -> None:
    """Print the ranking, best first."""
    from rerank_model.reranker import Reranker

    reranker = Reranker.from_pretrained(args.model, device=args.device)
    for rank, row in enumerate(reranker.rank(args.history, args.candidates, args.top_k), start=1):
        print(f"{rank:3d}  {row['score']:9.4f}  {row['text']}")


class PrintProgress:
    """A tqdm bar that follows a `Progress`."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Move the bar; it closes when all is done."""
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(total=total)
        self._bar.update(done - self._bar.n)
        self._bar.set_postfix_str(note)
        if done >= total:
            self._bar.close()
            self._bar = None


def _read_data(args: argparse.Namespace) -> tuple[Split, Catalogue, NegativeSampler]:
    from rerank_model.data.files import read_catalogue, read_interactions
    from rerank_model.data.samplers import PopularitySampler, UniformSampler
    from rerank_model.data.splits import leave_last_out

    catalogue = read_catalogue(args.items, args.item_text)
    split = leave_last_out(read_interactions(args.interactions).aligned_to(catalogue))
    for reason, users in split.users_left_out.items():
        if users:
            print(f"{len(users)} user(s) left out: {reason}")
    sampler: NegativeSampler = (
        PopularitySampler(split.train) if args.sampler == "popularity" else UniformSampler(split.train)
    )
    return split, catalogue, sampler


def _print_quality(when: str, reranker: Reranker, tasks: list[RankingTask], cutoffs: list[int]) -> None:
    result = reranker.evaluate(tasks, cutoffs, PrintProgress())
    shown = ", ".join(
        f"Recall@{k} {result.recall_at_k[k]:.4f} (chance {result.chance_at_k[k]:.4f})" for k in cutoffs
    )
    print(
        f"{when}: {shown}, letter NLL {result.letter_nll:.4f} (chance {result.chance_nll:.4f}), {result.n_users} users"
    )


def _default_cutoff(n_candidates: int) -> int:
    return max(1, n_candidates // 4)
