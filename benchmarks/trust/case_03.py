"""Several workers, one job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.trust.command import Command, pytest_run, reports
from benchmarks.trust.record import Case, Expected

_COUNTING = """
import pathlib
import numpy as np
from benchmarks.trust.traces import learning_nll, nll_trace

def counted():
    def train(progress):
        with pathlib.Path("trained.txt").open("a") as file:
            file.write("x")
        return nll_trace(learning_nll(np.full(1600, 20), 0), 20, list(range(1600)))
    return cross_encoder(tasks(300, 20), name="good", train=train)
"""
_OWN = "import pytest\n@pytest.mark.parametrize('i', range(6))\ndef test_own(i):\n    assert i >= 0\n"


def _read(folder: Path) -> str:
    trained = folder / "trained.txt"
    return reports(folder) + f"\nTRAINED {len(trained.read_text()) if trained.is_file() else 0} times"


def _spread(*options: str, factory: str = "counted") -> Callable[[int], Command]:
    return pytest_run(
        "--rerank",
        "--rerank-report",
        "out",
        "--rerank-target",
        f"mine:{factory}",
        *options,
        mine=_COUNTING,
        test=_OWN,
        read=_read,
    )


_ONCE = Expected(exits=(0,), says=("REPORT of good: ok=true", "TRAINED 1 times"))

CASES = (
    Case(3, "pytest --rerank -n 2", _spread("-n", "2"), _ONCE, sibling=False),
    Case(3, "-n 2 --dist loadfile", _spread("-n", "2", "--dist", "loadfile"), _ONCE),
    Case(3, "-n 2 --dist worksteal", _spread("-n", "2", "--dist", "worksteal"), _ONCE),
    Case(
        3,
        "--dist each is refused",
        _spread("-n", "2", "--dist", "each"),
        Expected(exits=(4,), not_says=("ok=true",)),
    ),
    Case(
        3,
        "-n 2, a reversed ranking",
        _spread("-n", "2", factory="wrong"),
        Expected(exits=(1,), says=("REPORT of wrong: ok=false", "reversed")),
    ),
    Case(3, "healthy: without -n", _spread(), _ONCE),
)
