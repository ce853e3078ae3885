"""`rerank-guard selftest`: do the gates notice what can be wrong with this reranker?"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rerank_guard.defaults import ALPHA

if TYPE_CHECKING:
    from rerank_guard.faults import Fault

__all__ = ["add_selftest"]

_NARROWEST = 120
"""Columns of the table where the terminal is narrower, or none: a line that wraps is better than one without its gate."""


def add_selftest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of `rerank-guard`."""
    parser = commands.add_parser(
        "selftest",
        help="put faults into your reranker one by one, and see which gates notice",
        description="Trains and judges the target as it is, which should be sound, then with one fault after the other, and "
        "says which gates noticed and whether they named it. Ends with 0 where every fault was noticed, 1 where one was not, "
        "2 where nothing could be judged.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--target",
        required=True,
        metavar="PKG.MOD:FACTORY",
        help="the reranker; the factory is called with those of the arguments seed and device that it accepts",
    )
    parser.add_argument(
        "--only", metavar="IDS", help="inject these alone, such as D1,S3; D5 stands for all of its readings"
    )
    parser.add_argument(
        "--retrain", action="store_true", help="inject faults of the training job too; each trains a copy anew"
    )
    parser.add_argument("--seed", type=int, default=0, help="given to the factory, and to whatever the faults draw")
    parser.add_argument("--alpha", type=float, default=ALPHA, help="level of the statistical gates")
    parser.add_argument("--device", help="given to the target's factory, such as cpu or cuda")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes there too")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from rerank_guard.atomic_file import replace_text
    from rerank_guard.errors import TargetError
    from rerank_guard.report.json import dumps
    from rerank_guard.report.progress import ProgressBar
    from rerank_guard.selftest import selftest, selftest_lines
    from rerank_guard.suite import load_target

    faults = _chosen(args.only)
    if (here := str(Path.cwd())) not in sys.path:  # as `python -m` does, and as the pytest plugin does
        sys.path.insert(0, here)
    bar = ProgressBar(_to_stderr, redraw=sys.stderr.isatty(), width=100)
    try:
        report = selftest(
            lambda: load_target(args.target, seed=args.seed, device=args.device),
            faults=faults,
            alpha=args.alpha,
            seed=args.seed,
            progress=bar,
            retrain=args.retrain,
        )
    finally:
        bar.close()
    print("\n".join(selftest_lines(report, width=max(_NARROWEST, shutil.get_terminal_size().columns))))
    if args.json is not None:
        try:
            replace_text(args.json, dumps(report.to_json_dict(), indent=2) + "\n")
        except OSError as error:
            raise TargetError(
                f"the outcomes cannot be written to {args.json}: {error}; name another file."
            ) from error
    return 0 if report.ok else 1


def _chosen(only: str | None) -> list[Fault] | None:
    """The faults named, each once; None for all."""
    from rerank_guard.faults import readings

    if only is None:
        return None
    named = [fault for zoo_id in only.split(",") if zoo_id.strip() for fault in readings(zoo_id)]
    return list({fault.zoo_id: fault for fault in named}.values())


def _to_stderr(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
