"""A command line in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.trust.record import Outcome

__all__ = ["Command", "doctor", "pytest_run", "reports", "selftest"]

_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 180

RERANKERS = '''
"""Small rerankers of a user's project."""

import json
import os
import sys

from benchmarks.trust.world import cross_encoder, score_all, tasks


def good(): return cross_encoder(tasks(300, 20), name="good")
def small(): return cross_encoder(tasks(150, 20), name="small")
def wrong(): return cross_encoder(tasks(300, 20), lambda task: -score_all(task), name="wrong")
'''


@dataclass(frozen=True)
class Command:
    """Files, and a command that runs among them.

    Attributes:
        arguments: after the interpreter.
        files: path to text; `mine.py` always has the rerankers `good` and `wrong`, before what is given here.
        read: from the folder to more text, such as what a report says.
    """

    arguments: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[Path], str] = lambda folder: ""

    def judged(self) -> Outcome:
        """Exit code, and all output followed by what is read from the folder."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, text in {**self.files, "mine.py": RERANKERS + self.files.get("mine.py", "")}.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text, encoding="utf-8")
            paths = [str(folder), str(_ROOT / "src"), str(_ROOT)]
            environment = {
                name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "RERANK"))
            }
            environment |= {"PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
            done = subprocess.run(
                [sys.executable, *self.arguments],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_SECONDS,
            )
            return Outcome(None, None, {}, done.stdout + self.read(folder), done.returncode)


def doctor(
    factory: str | None, *options: str, mine: str = "", read: Callable[[Path], str] = lambda folder: ""
) -> Callable[[int], Command]:
    """`rerank-guard doctor` on a factory of `mine.py`."""
    target = () if factory is None else ("--target", f"mine:{factory}")
    return lambda seed: Command(("-c", _MAIN, "doctor", *target, *options), {"mine.py": mine}, read)


def selftest(factory: str, *options: str) -> Callable[[int], Command]:
    """`rerank-guard selftest` on a factory."""
    return lambda seed: Command(("-c", _MAIN, "selftest", "--target", factory, *options))


_MAIN = "import sys; from rerank_guard.cli.main import main; sys.exit(main(sys.argv[1:]))"


def pytest_run(
    *options: str,
    mine: str = "",
    conftest: str = "",
    test: str = "",
    files: Mapping[str, str] | None = None,
    read: Callable[[Path], str] = lambda folder: "",
) -> Callable[[int], Command]:
    """`pytest` with these options; the plugin is loaded as an installed one is."""
    written = {"mine.py": mine, "conftest.py": conftest, "pytest.ini": "[pytest]\n", **(files or {})}
    if test:
        written["test_own.py"] = test
    return lambda seed: Command(("-m", "pytest", "-q", "-p", "no:cacheprovider", *options), written, read)


def reports(folder: Path) -> str:
    """One line a report: its reranker, whether it is ok, its verdicts' number, and the first line of the summary."""
    lines = []
    for path in sorted(folder.rglob("report.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        subject = data.get("subject", data.get("target", {}))
        name = subject.get("target") if isinstance(subject, dict) else subject
        lines.append(
            f"REPORT of {name}: ok={str(data.get('ok')).lower()}, {len(data.get('verdicts', []))} verdicts"
        )
    for path in sorted(folder.rglob("summary.md")):
        lines.append("SUMMARY " + " ".join(path.read_text(encoding="utf-8").split())[:300])
    return "\n" + "\n".join(lines)
