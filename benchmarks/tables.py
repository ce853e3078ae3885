"""Remake benchmarks/tables.json: memory and time of a million tasks of 50 candidates.

python -m benchmarks.tables [--tasks N] [--seed SEED]

Every case runs in a process of its own, whose peak is what counts: the greatest resident memory of the whole process,
the interpreter, numpy and the input included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rerank_guard.core.item_use import negative_items
from rerank_guard.core.listed import duplicates_per_task, target_listing
from rerank_guard.core.membership import candidates_in_history
from rerank_guard.core.row_equality import distinct_tasks
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.recording.throughput import machine_description

N_TASKS = 1_000_000
N_CANDIDATES = 50
N_HISTORY = 10
N_ITEMS = 100_000
N_OBJECTS = 20_000
"""Tasks that are held as objects, for comparison: a million would need more memory than many a machine has."""

_CHUNK = 1_000


def main() -> int:
    args = _parser().parse_args()
    if args.case:
        print(json.dumps(CASES[args.case](args.tasks, args.seed)))
        return 0
    result: dict[str, Any] = {
        "schema": 1,
        "command": f"python -m benchmarks.tables --tasks {args.tasks} --seed {args.seed}",
        "device": machine_description(),
        "load_average_before": round(os.getloadavg()[0], 2),
        "versions": {"python": platform.python_version(), "numpy": metadata.version("numpy")},
        "tasks": args.tasks,
        "candidates": N_CANDIDATES,
        "history": N_HISTORY,
        "items": N_ITEMS,
        "cases": {},
    }
    for case in tqdm(CASES, desc="tables", unit="case"):
        result["cases"][case] = _in_own_process(
            case, min(args.tasks, N_OBJECTS) if case in SMALL else args.tasks, args.seed
        )
    path = Path(__file__).with_name("tables.json")
    path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(markdown(result))
    return 0


def markdown(result: dict[str, Any]) -> str:
    """The cases as a table."""
    lines = ["| case | tasks | s | peak MiB | table MiB | bytes per task |", "|---|---|---|---|---|---|"]
    for case, figures in result["cases"].items():
        held = figures.get("table_mib", "")
        lines.append(
            f"| {case} | {figures['tasks']:,} | {figures['seconds']} | {figures['peak_mib']} | {held} | "
            f"{figures['bytes_per_task']} |"
        )
    facts = result["cases"]["arrays"]["seconds_of_facts"]
    return "\n".join([*lines, "", *(f"{name}: {seconds} s" for name, seconds in facts.items())])


def from_arrays(n_tasks: int, seed: int, first_stage: bool = False) -> dict[str, Any]:
    """Codes drawn as int32, the table made from them, and every fact read once."""
    rng = np.random.default_rng(seed)
    started = time.monotonic()
    candidates = rng.integers(N_ITEMS, size=(n_tasks, N_CANDIDATES), dtype=np.int32)
    position = rng.integers(N_CANDIDATES, size=n_tasks, dtype=np.int32)
    table = TaskTable.from_arrays(
        item_ids=[f"item-{i}" for i in range(N_ITEMS)],
        item_texts=[f"The title of item {i} (1995)" for i in range(N_ITEMS)],
        query_ids=[f"user-{u}" for u in range(n_tasks)],
        candidates=candidates,
        target=candidates[np.arange(n_tasks), position],
        target_position=position,
        history=rng.integers(N_ITEMS, size=(n_tasks, N_HISTORY), dtype=np.int32),
        first_stage_scores=rng.random(candidates.shape, dtype=np.float32) if first_stage else None,
    )
    figures = _figures(table, started)
    return figures | {"seconds_of_facts": {name: _seconds(fact, table) for name, fact in FACTS.items()}}


def from_a_stream(n_tasks: int, seed: int, own_items: bool = False) -> dict[str, Any]:
    """Tasks made one after the other, each forgotten when the table has it."""
    catalogue = None if own_items else _catalogue()
    started = time.monotonic()
    table = TaskTable.from_tasks(_tasks(n_tasks, seed, catalogue))
    figures = _figures(table, started)
    return figures | {
        "seconds_of_the_stream_alone": _seconds(lambda _: sum(1 for _ in _tasks(n_tasks, seed, catalogue)), table)
    }


def as_objects(n_tasks: int, seed: int, own_items: bool = False) -> dict[str, Any]:
    """The same tasks in a list, with the items of one catalogue, or with objects of their own."""
    catalogue = None if own_items else _catalogue()
    before = _mib("VmRSS")
    started = time.monotonic()
    tasks = list(_tasks(n_tasks, seed, catalogue))
    seconds = time.monotonic() - started
    return {
        "tasks": len(tasks),
        "seconds": round(seconds, 2),
        "peak_mib": _mib("VmHWM"),
        "bytes_per_task": round((_mib("VmRSS") - before) * 2**20 / n_tasks),
    }


CASES: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "arrays": from_arrays,
    "arrays, with float32 first-stage scores": lambda n, seed: from_arrays(n, seed, first_stage=True),
    "a stream of tasks": from_a_stream,
    "a stream of tasks with items of their own": lambda n, seed: from_a_stream(n, seed, own_items=True),
    "objects": as_objects,
    "objects with items of their own": lambda n, seed: as_objects(n, seed, own_items=True),
}
SMALL = ("objects", "objects with items of their own")
FACTS: dict[str, Callable[[TaskTable], object]] = {
    "target_listing": target_listing,
    "duplicates_per_task": duplicates_per_task,
    "candidates_in_history": candidates_in_history,
    "distinct_tasks": distinct_tasks,
    "negative_items": negative_items,
}


def _tasks(n_tasks: int, seed: int, catalogue: list[Item] | None) -> Iterator[RankingTask]:
    """Tasks whose items are those of the catalogue, or objects of their own."""
    rng = np.random.default_rng(seed)
    item_of = _item if catalogue is None else catalogue.__getitem__
    user = 0
    while user < n_tasks:
        for codes in rng.integers(N_ITEMS, size=(min(_CHUNK, n_tasks - user), N_HISTORY + N_CANDIDATES)).tolist():
            shown = tuple(map(item_of, codes))
            position = user % N_CANDIDATES
            candidates = shown[N_HISTORY:]
            yield RankingTask(f"user-{user}", shown[:N_HISTORY], candidates, candidates[position].item_id, position)
            user += 1


def _catalogue() -> list[Item]:
    return [_item(code) for code in range(N_ITEMS)]


def _item(code: int) -> Item:
    return Item(f"item-{code}", f"The title of item {code} (1995)")


def _figures(table: TaskTable, started: float) -> dict[str, Any]:
    seconds = time.monotonic() - started
    return {
        "tasks": len(table),
        "seconds": round(seconds, 2),
        "peak_mib": _mib("VmHWM"),
        "table_mib": round(table.nbytes / 2**20, 1),
        "bytes_per_task": round((table.nbytes - table.pool.nbytes) / len(table), 1),
    }


def _seconds(work: Callable[[TaskTable], object], table: TaskTable) -> float:
    started = time.monotonic()
    work(table)
    return round(time.monotonic() - started, 2)


def _mib(name: str) -> float:
    """VmRSS (resident now) or VmHWM (resident at most) of this process; Linux alone tells."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise SystemExit(f"/proc/self/status has no {name}")
    return round(int(found[1]) / 1024, 1)


def _in_own_process(case: str, n_tasks: int, seed: int) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.tables",
        "--case",
        case,
        "--tasks",
        str(n_tasks),
        "--seed",
        str(seed),
    ]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=N_TASKS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", choices=CASES, help="only this one, in this process; nothing is written")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
