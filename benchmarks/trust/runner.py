"""Every case, one after the other."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.trust.record import Case, Result

__all__ = ["all_cases", "fast_cases", "run", "run_all"]


def all_cases() -> tuple[Case, ...]:
    """Those of every module `case_*` of this folder, by item, the reported input before its siblings."""
    folder = str(Path(__file__).parent)
    names = [module.name for module in pkgutil.iter_modules([folder]) if module.name.startswith("case_")]
    found = [case for name in names for case in importlib.import_module(f"benchmarks.trust.{name}").CASES]
    return tuple(sorted(found, key=lambda case: (case.item, case.sibling)))


def fast_cases() -> tuple[Case, ...]:
    """The first fast case of each item that has one: together less than a quarter of a minute."""
    by_item: dict[int, Case] = {}
    for case in all_cases():
        if case.fast:
            by_item.setdefault(case.item, case)
    return tuple(by_item.values())


def run(case: Case, seed: int) -> Result:
    """Build and judge one case; an exception of either is what was got, and wrong."""
    started = time.monotonic()
    try:
        outcome = case.build(seed).judged()
        got, wrong = str(outcome), tuple(outcome.broken(case.expected))
    except Exception as error:
        got = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        wrong = (got,)
    return Result(case, got, wrong, time.monotonic() - started)


def run_all(cases: Sequence[Case], seed: int) -> list[Result]:
    """All of them, with a line of progress each on the standard error."""
    return list(_shown(cases, seed))


def _shown(cases: Sequence[Case], seed: int) -> Iterable[Result]:
    for number, case in enumerate(cases, 1):
        result = run(case, seed)
        verdict = "right" if not result.wrong else f"WRONG: {'; '.join(result.wrong)}"
        print(
            f"[{number}/{len(cases)}] {case.item} {case.name}: {verdict} ({result.seconds:.1f} s)",
            file=sys.stderr,
            flush=True,
        )
        yield result
