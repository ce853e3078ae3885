"""Score many prompts: packed where the model's shape is known, padded through its own modules where not."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rerank_guard.core.target import Progress
from rerank_guard.core.types import FloatArray
from rerank_model.errors import ConfigError
from rerank_model.scoring.packed import (
    Batch,
    TokenIds,
    Workspace,
    each_in_a_thread,
    fill_batches,
    letter_logits,
    read_weights,
    why_not_packed,
)
from rerank_model.scoring.scorer import LetterScorer, pad_prompts

__all__ = [
    "WINDOW",
    "log_softmax",
    "packed_gap",
    "pick_tokens_per_batch",
    "score_packed",
    "score_plain",
    "score_prompts",
    "why_plain",
]

WINDOW = 1024
"""Prompts that are encoded and sorted by length together; the next ones are encoded while these are computed."""

Rows = tuple[Sequence[int], Tensor]
"""Indices of P prompts, and their logits (P, up to A), float32, on the model's device."""


def pick_tokens_per_batch(asked: int | None, device: torch.device, dtype: torch.dtype) -> int:
    """What was asked, else what suits the device: long products on a GPU, what stays near the caches on a CPU.

    Raises:
        ConfigError: less than one token.
    """
    if asked is not None and asked < 1:
        raise ConfigError(f"tokens_per_batch is {asked}; give at least 1, or None for what suits the device.")
    return asked or (8192 // dtype.itemsize if device.type == "cpu" else 65_536)


def why_plain(scorer: LetterScorer) -> str | None:
    """Why prompts go through the model's own modules, padded; None where they are packed."""
    if type(scorer) is not LetterScorer or "forward" in scorer.__dict__:
        return f"{type(scorer).__name__} has a forward pass of its own"
    if scorer._forward_hooks or scorer._forward_pre_hooks:
        return "the scorer has a forward hook"
    return why_not_packed(scorer.model) or scorer.packed_problem


def packed_gap(scorer: LetterScorer) -> str | None:
    """How far packed scores of two synthetic prompts are from the plain path's, in words; None where it is rounding.

    Otherwise a release of transformers that computes a known architecture differently would be scored wrongly without an
    error.
    """
    if why_plain(scorer) is not None:
        return None
    letters = scorer.letter_token_ids.tolist()
    prompts = [(letters * 3)[:11], (letters[::-1] * 3)[:5]]
    n = [len(letters)] * len(prompts)
    dtype = next(scorer.parameters()).dtype
    try:
        packed = _collect(score_packed(scorer, prompts, tokens_per_batch=64, dtype=dtype), n, None)
    except Exception as error:  # of whatever kind: the model's own modules may still work
        message = str(error).partition("\n")[0][:200]
        return f"it cannot be computed packed ({type(error).__name__}: {message})"
    plain = _collect(score_plain(scorer, prompts, n, tokens_per_batch=64, pad_token_id=letters[0]), n, None)
    gap = max(float(np.abs(a - b).max()) for a, b in zip(packed, plain, strict=True))
    greatest = max(float(np.abs(row).max()) for row in plain)
    # float32 agrees to some millionths; in lower precision each layer rounds by 2^-9, and in another order
    allowed = 1e-3 * max(1.0, greatest) if dtype == torch.float32 else max(0.25, 2.0**-4 * greatest)
    return None if gap <= allowed else f"packed scores differ from the model's own by {gap:.3g}"


def score_prompts(
    scorer: LetterScorer,
    prompts: Iterable[TokenIds],
    n_candidates: Sequence[int],
    *,
    pad_token_id: int,
    tokens_per_batch: int | None = None,
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> list[FloatArray]:
    """Letter logits of each prompt.

    Args:
        scorer: the model; put into eval mode for the call and back afterwards.
        prompts: token ids, up to where the letter goes; taken in turn, while the ones before are computed.
        n_candidates: N of each prompt.
        pad_token_id: what short prompts of a padded batch are filled with.
        tokens_per_batch: tokens of a forward pass, at most; a single longer prompt is a batch by itself. None for what
            suits the device.
        dtype: in which the layers are computed; None for that of the weights. The plain path knows only that.
        progress: called after every batch.

    Returns:
        One float64 array (N,) a prompt, in the order given.
    """
    own = next(scorer.parameters()).dtype
    dtype = dtype or own
    tokens_per_batch = pick_tokens_per_batch(tokens_per_batch, scorer.letter_token_ids.device, dtype)
    # A single prompt has nothing to be packed with, and merging adapters would cost more than it saves.
    if (len(n_candidates) > 1 or dtype != own) and why_plain(scorer) is None:
        rows = score_packed(scorer, prompts, tokens_per_batch=tokens_per_batch, dtype=dtype)
    else:
        rows = score_plain(
            scorer, prompts, n_candidates, tokens_per_batch=tokens_per_batch, pad_token_id=pad_token_id
        )
    return _collect(rows, n_candidates, progress)


def score_packed(
    scorer: LetterScorer,
    prompts: Iterable[TokenIds],
    *,
    tokens_per_batch: int,
    dtype: torch.dtype,
) -> Generator[Rows]:
    """Logits of all A letters, batch after batch of packed prompts.

    Only for a scorer for which `why_plain` gives None; the rest as in `score_prompts`.
    """
    letters = scorer.letter_token_ids
    device = letters.device
    weights = read_weights(scorer.model, letters, dtype)
    threads = torch.get_num_threads() if device.type == "cpu" else 1

    def batches() -> Iterator[Batch]:
        for first, window in _windows(prompts):
            # At least as many batches as threads, or some threads would be idle.
            share = math.ceil(sum(map(len, window)) / threads)
            yield from fill_batches(window, min(tokens_per_batch, share), first)

    def compute(batch: Batch, workspace: Workspace) -> Rows:
        return batch.indices, letter_logits(weights, batch.to(device), workspace)

    def own_workspace() -> Workspace:
        return Workspace(device, weights.dtype)

    if threads > 1:
        yield from each_in_a_thread(compute, batches(), own_workspace, threads)
        return
    workspace = own_workspace()
    for batch in batches():
        yield compute(batch, workspace)


def score_plain(
    scorer: LetterScorer,
    prompts: Iterable[TokenIds],
    n_candidates: Sequence[int],
    *,
    tokens_per_batch: int,
    pad_token_id: int,
) -> Generator[Rows]:
    """Logits of the letters in use, batch after batch of right-padded prompts through the model's own modules.

    Packed scoring is compared with it; the rest as in `score_prompts`.
    """
    device = scorer.letter_token_ids.device
    was_training = scorer.training
    scorer.eval()
    try:
        for first, window in _windows(prompts):
            order = sorted(range(len(window)), key=lambda index: len(window[index]), reverse=True)
            while order:
                room = max(1, tokens_per_batch // len(window[order[0]]))
                chosen, order = order[:room], order[room:]
                indices = [first + index for index in chosen]
                batch = pad_prompts(
                    [window[index] for index in chosen], [n_candidates[index] for index in indices], pad_token_id
                )
                with torch.inference_mode():
                    logits = scorer(**{name: value.to(device) for name, value in batch.items()})
                yield indices, logits
    finally:
        scorer.train(was_training)


def log_softmax(logits: FloatArray) -> FloatArray:
    """Log-probabilities (N,) of logits (N,), nats."""
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def _windows(prompts: Iterable[TokenIds]) -> Iterator[tuple[int, list[TokenIds]]]:
    """The index of the first of every `WINDOW` prompts, and these prompts."""
    source = iter(prompts)
    first = 0
    while window := list(islice(source, WINDOW)):
        yield first, window
        first += len(window)


def _collect(rows: Generator[Rows], n_candidates: Sequence[int], progress: Progress | None) -> list[FloatArray]:
    """All rows in the order of the prompts, by one copy from the device at the end."""
    places: list[int] = []
    logits: list[Tensor] = []
    with closing(rows):  # ends the threads, and the eval mode, also where `progress` raises
        for indices, own in rows:
            places += indices
            logits.append(own)
            if progress is not None:
                progress(len(places), len(n_candidates))
    if not logits:
        return []
    width = max(own.shape[1] for own in logits)
    together = torch.cat([functional.pad(own, (0, width - own.shape[1])) for own in logits])
    scores: list[FloatArray] = [np.empty(0)] * len(n_candidates)
    for place, row in zip(places, together.double().cpu().numpy(), strict=True):
        scores[place] = row[: n_candidates[place]].copy()
    return scores
