"""`rerank-guard selftest`: do the checks notice what can be wrong with this reranker?"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rerank_guard.cli.required import required_target
from rerank_guard.core.config.configuration import read_configuration
from rerank_guard.core.config.options import add_options, given_options

if TYPE_CHECKING:
    from rerank_guard.faults import Injector

__all__ = ["add_selftest"]

_NARROWEST = 120
"""Columns of the table where the terminal is narrower, or none: a line that wraps is better than one without its check."""


def add_selftest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of `rerank-guard`."""
    parser = commands.add_parser(
        "selftest",
        help="put faults into your reranker one by one, and see which checks notice",
        description="Trains and judges the reranker as it is, which should be healthy, then with one fault after the other, and "
        "says which checks noticed and whether they named it. Ends with 0 where every fault that this reranker can show was noticed, 1 where one was not, "
        "2 where nothing could be judged.",
    )
    add_options(parser.add_argument, without=("early_stop", "continue", "reference", "report"))
    parser.add_argument(
        "--only", metavar="IDS", help="inject these alone, such as D1,S3; D5 means all of its readings"
    )
    parser.add_argument(
        "--retrain", action="store_true", help="inject faults of the training job too; each trains a copy anew"
    )
    parser.add_argument("--device", help="given to the target's factory, such as cpu or cuda")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes there too")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from rerank_guard.core.atomic_file import replace_text
    from rerank_guard.core.errors import TargetError
    from rerank_guard.core.progress import ProgressBar
    from rerank_guard.faults.selftest import selftest
    from rerank_guard.faults.selftest_text import selftest_lines
    from rerank_guard.report.json import dumps
    from rerank_guard.suite import load_target
    from rerank_guard.suite.configured import run_settings_of

    faults = _chosen(args.only)
    configuration = read_configuration(given_options(args), "", Path.cwd())
    settings = run_settings_of(configuration, device=args.device)
    spec = required_target(configuration)
    if (here := str(Path.cwd())) not in sys.path:  # as `python -m` does, and as the pytest plugin does
        sys.path.insert(0, here)
    bar = ProgressBar(_to_stderr, redraw=sys.stderr.isatty(), width=100)
    try:
        report = selftest(
            lambda: load_target(spec, seed=settings.seed, device=args.device),
            settings,
            faults=faults,
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


def _chosen(only: str | None) -> list[Injector] | None:
    """The faults named, each once; None for all."""
    from rerank_guard.faults import readings

    if only is None:
        return None
    named = [fault for injector_id in only.split(",") if injector_id.strip() for fault in readings(injector_id)]
    return list({fault.id: fault for fault in named}.values())


def _to_stderr(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
