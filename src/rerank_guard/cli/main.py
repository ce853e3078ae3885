"""`rerank-guard`: what can be asked without a test run."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from rerank_guard.cli.explain import add_explain
from rerank_guard.cli.init import add_init
from rerank_guard.cli.listing import add_listings
from rerank_guard.core.config.configuration import read_configuration
from rerank_guard.core.config.options import add_options, given_options
from rerank_guard.core.defaults import ALPHA, RECALL_EFFECT
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.own_frames import without_own_frames

__all__ = ["build_parser", "main"]

NOT_JUDGED = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 where all checks that ran passed and something was judged; 1 where a check failed or is inconclusive; 2 where the
        command line is wrong, the reranker's own code raised or exited, or nothing was judged; 130 when interrupted.
    """
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args) or 0)
    except RerankGuardError as error:
        print(f"rerank-guard: error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("rerank-guard: interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as exited:
        print(
            f"rerank-guard: error: the reranker's code ended the run with exit({exited.code!r}).", file=sys.stderr
        )
    except Exception as error:
        print("".join(traceback.format_exception(without_own_frames(error))), end="", file=sys.stderr)
    return NOT_JUDGED


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="rerank-guard", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    plan = commands.add_parser(
        "plan",
        help="how many users and training steps a check needs, before a GPU is rented",
        description="How many users the check of Recall@K needs, and how many training examples and steps that of the "
        "letter loss, if the reranker is better than chance by the effect. Exact, by carrying the distribution of hits "
        "from user to user; no simulation.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    plan.add_argument("--n-candidates", type=int, required=True, metavar="N", help="candidates a user")
    plan.add_argument("--k", type=int, required=True, help="cutoff of Recall@K, below N")
    plan.add_argument(
        "--effect", type=float, required=True, help="by how much Recall@K will be above chance, such as 0.1"
    )
    plan.add_argument(
        "--declared-effect",
        type=float,
        default=RECALL_EFFECT,
        help="the check's own least effect; a reranker at chance is FAILED against it",
    )
    plan.add_argument("--alpha", type=float, default=ALPHA, help="level of the check")
    plan.add_argument("--batch-size", type=int, default=16, help="training examples an optimiser step")
    plan.add_argument(
        "--gain",
        type=float,
        help="nats by which the letter NLL will be below log N; by default the least that the effect takes",
    )
    plan.set_defaults(run=_run_plan)
    _add_doctor(commands)
    if importlib.util.find_spec("rerank_guard.cli.selftest") is not None:
        from rerank_guard.cli.selftest import add_selftest

        add_selftest(commands)
    add_init(commands)
    add_explain(commands)
    add_listings(commands)
    return parser


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="what is wrong with a reranker, on one screen",
        description="Trains and scores the target once, runs every check that its methods allow, and names the fault that "
        "explains the verdicts best. Ends with 0 where all is well, 1 where it is not, 2 where nothing could be judged. The options "
        "can stand in [tool.rerank_guard] of pyproject.toml or in rerank_guard.toml.",
    )
    add_options(doctor.add_argument)
    doctor.add_argument("--device", help="given to the target's factory, such as cpu or cuda")
    doctor.add_argument("--json", type=Path, metavar="FILE", help="write the whole report there too")
    doctor.set_defaults(run=_run_doctor)


def _run_doctor(args: argparse.Namespace) -> int:
    from rerank_guard.cli.doctor import examine

    configuration = read_configuration(given_options(args), "", Path.cwd())
    report = examine(configuration, device=args.device, json_file=args.json)
    if not report.judged:
        print("rerank-guard: error: nothing was judged: no check of this run applies.", file=sys.stderr)
    if report.errors or report.unjudged or not report.judged:
        return NOT_JUDGED
    return 0 if report.ok else 1


def _run_plan(args: argparse.Namespace) -> None:
    from rerank_guard.cli.plan import plan_checks, plan_lines

    plan = plan_checks(
        n_candidates=args.n_candidates,
        k=args.k,
        effect=args.effect,
        declared_effect=args.declared_effect,
        alpha=args.alpha,
        batch_size=args.batch_size,
        gain=args.gain,
    )
    print("\n".join(plan_lines(plan)))


if __name__ == "__main__":
    sys.exit(main())
