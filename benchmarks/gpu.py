"""All that needs a GPU, in one command, straight from the source tree: the gate, and a Qwen3-0.6B-shaped model.

Writes a JSON file with device, versions and command. Needs torch, transformers, peft, scipy and pytest; no network.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
import transformers
from benchmarks.speed.workload import tasks_between
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.backends.precision import pick_dtype
from rerank_model.prompt.prompt import PromptConfig
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base
from rerank_model.training.settings import TrainingSettings

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run both parts; the exit status is that of the suite."""
    args = _parser().parse_args()
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print(
            f"torch {torch.__version__} sees no CUDA device; run this where one is, or try the script itself with "
            "--device cpu --layers 2 --hidden 128 --prompts 20 --examples 64 --matrix-side 512",
            file=sys.stderr,
        )
        return 2
    result: dict[str, Any] = {
        "schema": 1,
        "command": "python -m benchmarks.gpu " + " ".join(sys.argv[1:]),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "versions": {
            module.__name__: str(module.__version__) for module in (torch, transformers, peft, pytest, np)
        },
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
    }
    status = 0
    if not args.skip_gate:
        status, result["gate"] = run_gate("--rerank-gpu" if device.type == "cuda" else "--rerank")
        write(args.out, result)  # kept even if the larger model does not fit
    result["shape_0_6b"] = run_shape(args, device)
    write(args.out, result)
    print(json.dumps(result, indent=1))
    return status or int(not (result["shape_0_6b"]["finite"] and result["shape_0_6b"]["epoch"]["finite"]))


def write(path: Path, result: dict[str, Any]) -> None:
    """The results so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def run_gate(flag: str) -> tuple[int, dict[str, Any]]:
    """The packaged suite in a process of its own, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "rerank_guard.pytest_plugin.plugin",
            flag,
            "--rerank-target",
            "demo",
            "--rerank-report",
            folder,
        ]
        command += ["rerank", "-p", "no:cacheprovider", "-o", "addopts="]
        paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1"}
        # An installed plugin of the same name would be registered twice.
        if _plugin_is_installed():
            command = [part for part in command if part != "rerank_guard.pytest_plugin.plugin"]
            del command[command.index("-p")]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        report = Path(folder) / "report.json"
        return done.returncode, {
            "exit_status": done.returncode,
            "seconds": round(time.monotonic() - started, 1),
            "report": json.loads(report.read_text(encoding="utf-8")) if report.is_file() else None,
        }


def run_shape(args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Score and train a random model of Qwen3-0.6B's shape: how fast, and how near to what the card can multiply."""
    config = Qwen3Config(
        vocab_size=args.vocabulary,
        hidden_size=args.hidden,
        intermediate_size=3 * args.hidden,
        num_hidden_layers=args.layers,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=max(8, args.hidden // 8),
        tie_word_embeddings=True,
        use_cache=False,
    )
    dtype = pick_dtype(device)
    torch.manual_seed(args.seed)
    model = Qwen3ForCausalLM(config).to(device=device, dtype=dtype)
    tokenizer = AutoTokenizer.from_pretrained(embedded_base())
    reranker = Reranker(model, tokenizer, PromptConfig(), base="random, Qwen3-0.6B's shape")
    rate = matrix_rate(device, dtype, args.matrix_side)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "dtype": str(dtype),
        "matrix_rate_tflops": round(rate / 1e12, 2),
        **_scoring(reranker, args, rate),
        "epoch": _epoch(reranker, args),
    }


def _scoring(reranker: Reranker, args: argparse.Namespace, rate: float) -> dict[str, Any]:
    """About 750 tokens a prompt, N=50; the first pass is not timed, it fills caches and compiles kernels."""
    tasks = tasks_between(reranker, 735, 765, args.prompts, np.random.default_rng(args.seed))
    lengths = [len(reranker.encoder.encode_array(task.history, task.candidates)) for task in tasks]
    first = reranker.score_tasks(tasks)
    _wait(reranker.device)
    started = time.monotonic()
    scores = reranker.score_tasks(tasks)
    seconds = time.monotonic() - started
    finite = all(np.isfinite(row).all() for row in [*scores, *first])
    return {
        "prompts": len(tasks),
        "tokens_per_prompt": round(float(np.mean(lengths)), 1),
        "scored_by": reranker.why_plain or "packed",
        "scoring_seconds": round(seconds, 3),
        "prompts_per_second": round(len(tasks) / seconds, 1),
        "tokens_per_second": round(sum(lengths) / seconds),
        "share_of_matrix_rate": round(scoring_flops(reranker.scorer.model.config, lengths) / seconds / rate, 4),
        "finite": finite,
    }


def _epoch(reranker: Reranker, args: argparse.Namespace) -> dict[str, Any]:
    """One LoRA epoch over prompts of about 700 tokens, through Trainer, the trace recorded."""
    tasks = tasks_between(reranker, 690, 710, args.examples, np.random.default_rng(args.seed + 1))
    settings = TrainingSettings(
        lora=LoraSettings(), batch_size=args.batch_size, warmup_steps=1, learning_rate=1e-4, seed=args.seed
    )
    started = time.monotonic()
    trace = reranker.fit(tasks, settings, _silent)
    seconds = time.monotonic() - started
    return {
        "examples": len(tasks),
        "batch_size": args.batch_size,
        "steps": trace.optimizer_steps,
        "seconds": round(seconds, 2),
        "first_letter_nll": round(float(trace.letter_nll[: args.batch_size].mean()), 4),
        "log_n": round(math.log(50), 4),
        "finite": bool(np.isfinite(trace.letter_nll).all()),
    }


def matrix_rate(device: torch.device, dtype: torch.dtype, side: int) -> float:
    """Floating point operations a second of one large square product, the best of a few: what this card can do."""
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    best = math.inf
    for _ in range(8):
        _wait(device)
        started = time.perf_counter()
        left @ right
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return 2.0 * side**3 / best


def scoring_flops(config: Any, lengths: list[int]) -> float:
    """What the packed path multiplies: 2 a weight and token, and causal attention, the last layer's keys and values alone."""
    hidden, size = config.hidden_size, config.head_dim
    query = hidden * config.num_attention_heads * size
    key_value = 2 * hidden * config.num_key_value_heads * size
    layer = 2 * query + key_value + 3 * hidden * config.intermediate_size
    whole = config.num_hidden_layers - 1
    products = sum(2.0 * (whole * length * layer + length * key_value + layer) for length in lengths)
    attention = sum(2.0 * whole * config.num_attention_heads * size * length**2 for length in lengths)
    return products + attention


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "gpu.json")
    parser.add_argument("--prompts", type=int, default=2_000, help="prompts that the shaped model scores")
    parser.add_argument("--examples", type=int, default=1_635, help="examples of its training epoch")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--matrix-side", type=int, default=8_192, help="of the product that the card is timed on")
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--vocabulary", type=int, default=151_936)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip-gate", action="store_true", help="only the shaped model")
    return parser


def _plugin_is_installed() -> bool:
    return any(
        entry.value == "rerank_guard.pytest_plugin.plugin" for entry in metadata.entry_points(group="pytest11")
    )


def _silent(done: int, total: int, note: str = "") -> None:
    """No bar: the trainer's own would count as work."""


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    raise SystemExit(main())
