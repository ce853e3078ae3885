"""`rerank-model`: fetch data, train, evaluate and rank from a shell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rerank_guard.core.errors import RerankGuardError
from rerank_model.cli.commands import run_data, run_evaluate, run_rank, run_train
from rerank_model.errors import RerankModelError

__all__ = ["build_parser", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors raised on purpose end with their message and status 2."""
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
    except (RerankModelError, RerankGuardError, OSError) as error:
        print(f"rerank-model: error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f'rerank-model: error: {error}; run: pip install "rerank-guard[model]"', file=sys.stderr)
        return 2
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="rerank-model", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    data = commands.add_parser("data", help="fetch a public data set into the cache")
    data.add_argument("name", choices=["ml-100k"], help="which data set")
    data.add_argument("--cache", type=Path, help="folder to keep it in (default: $RERANK_GUARD_CACHE or ~/.cache)")
    data.set_defaults(run=run_data)

    train = commands.add_parser("train", help="train a reranker on interactions and save it")
    _data_arguments(train)
    train.add_argument("--model", required=True, help="base model: a folder or a hub name")
    train.add_argument("--out", type=Path, required=True, help="folder for the trained reranker")
    train.add_argument("--backend", choices=["transformers", "unsloth"], default="transformers")
    train.add_argument("--learning-rate", type=float, default=2e-4)
    train.add_argument("--batch-size", type=int, default=16)
    train.add_argument("--accumulate", type=int, default=1, help="forward passes an optimiser step")
    train.add_argument("--epochs", type=float, default=1.0)
    train.add_argument("--max-steps", type=int, help="optimiser steps; takes precedence over --epochs")
    train.add_argument("--warmup-steps", type=int, default=20)
    train.add_argument("--lora-rank", type=int, default=8, help="0 trains every weight")
    train.add_argument("--resume", action="store_true", help="continue from the newest checkpoint in --out")
    train.set_defaults(run=run_train)

    evaluate = commands.add_parser("evaluate", help="Recall@K and letter NLL of a saved reranker, beside chance")
    _data_arguments(evaluate)
    evaluate.add_argument("--model", required=True, help="folder of the reranker")
    evaluate.add_argument("--k", type=int, nargs="+", default=[5], help="cut-offs")
    evaluate.add_argument(
        "--scoring-dtype",
        choices=["float32", "bfloat16"],
        help="precision of scoring (default: that of the weights); bfloat16 is quicker where the processor has it",
    )
    evaluate.add_argument(
        "--tokens-per-batch", type=int, help="tokens of a forward pass, at most (default: what suits the device)"
    )
    evaluate.set_defaults(run=run_evaluate)

    rank = commands.add_parser("rank", help="rank candidates for one history")
    rank.add_argument("--model", required=True, help="folder of the reranker")
    rank.add_argument("--history", nargs="*", default=[], metavar="TITLE", help="what the user liked, oldest first")
    rank.add_argument("--candidates", nargs="+", required=True, metavar="TITLE")
    rank.add_argument("--top-k", type=int, help="how many to show (default: all)")
    rank.add_argument("--device", help="such as cuda:0 (default: CUDA where there is one)")
    rank.set_defaults(run=run_rank)
    return parser


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("data")
    group.add_argument("--interactions", type=Path, required=True, help=".inter, u.data, .csv or .parquet")
    group.add_argument("--items", type=Path, required=True, help=".item, u.item, .csv or .parquet")
    group.add_argument(
        "--item-text", nargs="+", metavar="COLUMN", help="columns of --items that make an item's text"
    )
    group.add_argument("--n-candidates", type=int, default=20)
    group.add_argument("--history-length", type=int, default=10)
    group.add_argument(
        "--sampler", choices=["popularity", "uniform"], default="popularity", help="of the negatives"
    )
    group.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="such as cuda:0 (default: CUDA where there is one)")
