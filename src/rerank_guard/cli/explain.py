"""`rerank-guard explain`: what a check tests or what a fault is, with an example of each executed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rerank_guard.cli.standard_output import print_text
from rerank_guard.core.config.configuration import read_configuration
from rerank_guard.core.config.options import FILE_OPTION

__all__ = ["add_explain"]

WIDTH = 100
"""Most columns of the text."""


def add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of `rerank-guard`."""
    parser = commands.add_parser(
        "explain",
        help="what a check tests or what a fault is, why it matters, what to do, and an example that fails",
        description="Explains one check (what it claims, how it decides, its settings, the faults that it can name and what to "
        "do about them) or one fault (how it looks, what causes it, what to do, which checks name it). The examples are "
        "executed while you wait, some seconds at most: the check on a small healthy reranker in numpy, which passes, and on "
        "the same with the fault in it, which fails. Your own reranker is not asked for anything. Settings are shown as the "
        "configuration has them. Ends with 2 where there is no such check or fault, or the configuration has an error.",
        epilog="examples: rerank-guard explain recall_beats_baseline[K=20]; rerank-guard explain label-offset. "
        "`rerank-guard checks` and `rerank-guard faults` list all names.",
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        help="a check, such as prompts_match; a variant; a check at a cutoff, as a report names it; or a fault, such as "
        "prompt-skew",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--no-examples", action="store_true", help="leave the examples out, so that nothing is run")
    parser.add_argument(FILE_OPTION.flag(""), metavar=FILE_OPTION.metavar, help=FILE_OPTION.help)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from rerank_guard.faults.demonstration import demonstrated
    from rerank_guard.faults.explanation import CheckExplanation, explain
    from rerank_guard.faults.workbench import Workbench
    from rerank_guard.report.explain_json import check_to_json_dict, fault_to_json_dict
    from rerank_guard.report.explain_text import check_lines, fault_lines
    from rerank_guard.report.json import dumps
    from rerank_guard.suite.configured import configured_settings, run_settings_of

    given = {} if args.config is None else {FILE_OPTION.key: args.config}
    settings = run_settings_of(read_configuration(given, "", Path.cwd()))
    explained = explain(args.name, configured_settings(settings))
    shown = None
    if not args.no_examples:
        shown = demonstrated(explained.candidates(), Workbench())
        if shown is None:
            print("rerank-guard: no example shows this", file=sys.stderr)
    if isinstance(explained, CheckExplanation):
        data, lines = check_to_json_dict(explained, shown), check_lines(explained, shown, width=WIDTH)
    else:
        data, lines = fault_to_json_dict(explained, shown), fault_lines(explained, shown, width=WIDTH)
    print_text(dumps(data, indent=2) if args.json else "\n".join(lines))
    return 0
