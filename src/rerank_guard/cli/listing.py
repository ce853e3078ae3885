"""`rerank-guard checks` and `rerank-guard faults`: all that there are, by stage."""

from __future__ import annotations

import argparse

from rerank_guard.cli.standard_output import print_text

__all__ = ["add_listings"]

WIDTH = 100
"""Most columns of the text."""


def add_listings(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the two commands to those of `rerank-guard`."""
    checks = commands.add_parser(
        "checks",
        help="list all checks, by stage",
        description="Lists all checks in the order of the stages: name, when it runs, and what it claims. A name ending in [K] "
        "runs once a cutoff. `rerank-guard explain NAME` says all about one.",
    )
    checks.set_defaults(run=_run_checks)
    faults = commands.add_parser(
        "faults",
        help="list all faults that a check or the diagnosis can name, by stage",
        description="Lists all faults in the order of the stages: name, the first check that names it, and what it is. "
        "`rerank-guard explain NAME` says all about one.",
    )
    faults.set_defaults(run=_run_faults)
    for parser in (checks, faults):
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _run_checks(args: argparse.Namespace) -> int:
    from rerank_guard.checks.registry import all_checks
    from rerank_guard.faults.explanation import explain_check
    from rerank_guard.report.explain_json import check_to_json_dict
    from rerank_guard.report.json import dumps
    from rerank_guard.report.listing_text import list_of_checks
    from rerank_guard.suite.planned import Planned

    explained = [
        explain_check(Planned(check, None, variant))
        for check in all_checks().values()
        for variant in (None, *check.variants)
    ]
    if args.json:
        print_text(dumps([_without_examples(check_to_json_dict(each)) for each in explained], indent=2))
    else:
        print_text("\n".join(list_of_checks(explained, width=WIDTH)))
    return 0


def _run_faults(args: argparse.Namespace) -> int:
    from rerank_guard.core.fault_catalogue import all_faults
    from rerank_guard.faults.explanation import explain_fault
    from rerank_guard.report.explain_json import fault_to_json_dict
    from rerank_guard.report.json import dumps
    from rerank_guard.report.listing_text import list_of_faults

    explained = [explain_fault(fault) for fault in all_faults().values()]
    if args.json:
        print_text(dumps([_without_examples(fault_to_json_dict(each)) for each in explained], indent=2))
    else:
        print_text("\n".join(list_of_faults(explained, width=WIDTH)))
    return 0


def _without_examples(data: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in data.items() if key not in ("failing_example", "passing_example")}
