"""Scoring: the naive path, transformers' `logits_to_keep`, sentence-transformers, ours, and the floor, in one run."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from benchmarks.speed import scoring_paths
from benchmarks.speed.floor import Products
from benchmarks.speed.rounds import ratio, time_in_turn
from benchmarks.speed.workload import tiny_workload

from rerank_model.backends.precision import has_native_bfloat16

__all__ = ["measure"]

PROMPTS = 64
ROUNDS = 9


def measure(seed: int) -> dict[str, Any]:
    """Figures of the section."""
    workload = tiny_workload(seed, PROMPTS)
    native = has_native_bfloat16(torch.device("cpu"))
    works: dict[str, Any] = {
        "naive": partial(scoring_paths.naive, workload),
        "logits_to_keep=1": partial(scoring_paths.naive, workload, logits_to_keep=1),
        "logits_to_keep=1, sorted": partial(scoring_paths.naive, workload, logits_to_keep=1, by_length=True),
        "sentence-transformers": scoring_paths.cross_encoder(workload),
        "ours, padded": partial(scoring_paths.padded, workload),
        "ours, float32": partial(scoring_paths.whole_path, workload, torch.float32),
        "floor, float32": Products(workload, torch.float32),
    }
    if native:
        works["ours, bfloat16"] = partial(scoring_paths.whole_path, workload, torch.bfloat16)
        works["floor, bfloat16"] = Products(workload, torch.bfloat16)
    gaps = _same_scores(works, workload.tasks[0].n_candidates)
    seconds = time_in_turn(works, ROUNDS, "scoring")
    half = _naive_in_bfloat16(seed) if native else None
    ours = {name: seconds[f"ours, {name}"] for name in ("float32", "bfloat16") if f"ours, {name}" in seconds}
    return {
        "prompts": PROMPTS,
        "tokens": workload.tokens,
        "shortest": min(map(len, workload.prompts)),
        "longest": max(map(len, workload.prompts)),
        "rounds": ROUNDS,
        "batch": scoring_paths.BATCH,
        "threads": torch.get_num_threads(),
        "paths": {
            name: {
                "ms_per_prompt": round(1e3 * float(np.median(taken)) / PROMPTS, 3),
                "prompts_per_second": round(PROMPTS / float(np.median(taken)), 1),
                "tokens_per_second": round(workload.tokens / float(np.median(taken))),
            }
            for name, taken in seconds.items()
        },
        "greatest_probability_gap": gaps,
        "ratios": {
            **{f"naive / ours, {name}": ratio(seconds["naive"], own) for name, own in ours.items()},
            "logits_to_keep=1, sorted / ours, float32": ratio(seconds["logits_to_keep=1, sorted"], ours["float32"]),
            "logits_to_keep=1 / ours, float32": ratio(seconds["logits_to_keep=1"], ours["float32"]),
            "sentence-transformers / ours, float32": ratio(seconds["sentence-transformers"], ours["float32"]),
            **{f"ours / floor, {name}": ratio(own, seconds[f"floor, {name}"]) for name, own in ours.items()},
        },
        "naive_in_bfloat16_ms_per_prompt": half,
    }


def _same_scores(works: dict[str, Any], n_candidates: int) -> dict[str, float]:
    """How far each path's probabilities lie from the naive path's: all of them do the same work, or nothing is compared."""
    expected = _probabilities(works["naive"]()[:, :n_candidates])
    gaps = {}
    for name, work in works.items():
        if name.startswith("floor") or name == "naive":
            continue
        gaps[name] = float(np.abs(_probabilities(work()[:, :n_candidates]) - expected).max())
        allowed = 0.05 if "bfloat16" in name else 1e-5
        if not gaps[name] <= allowed:
            raise SystemExit(f"{name}: probabilities are off by {gaps[name]:.3g}; it does not do the same work")
    return gaps


def _probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _naive_in_bfloat16(seed: int) -> float:
    """The naive path on bfloat16 weights, for comparison; once, on a quarter of the prompts."""
    workload = tiny_workload(seed, PROMPTS // 4)
    workload.reranker.scorer.to(torch.bfloat16)
    seconds = time_in_turn({"naive": partial(scoring_paths.naive, workload)}, 1, "naive, bfloat16")["naive"]
    return round(1e3 * seconds[0] / len(workload.tasks), 1)
