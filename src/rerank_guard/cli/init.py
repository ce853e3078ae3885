"""`rerank-guard init`: a configuration for a reranker, with every option explained."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from rerank_guard.cli.standard_output import print_text
from rerank_guard.core.config.files import OWN_FILE, SHARED_FILE

__all__ = ["add_init"]


def add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of `rerank-guard`."""
    parser = commands.add_parser(
        "init",
        help="write a configuration for a reranker, with every option explained",
        description="Loads the reranker and writes a configuration that names it. Every other option is a comment with its "
        "default; further comments say which checks the reranker's methods allow, and what the methods that it lacks would "
        "unlock. It asks the reranker for its tasks; nothing is trained or scored. Ends with 2 where nothing was written.",
    )
    parser.add_argument(
        "--target",
        required=True,
        metavar="PKG.MOD:FACTORY",
        help="the reranker; the factory is called with those of the keyword arguments seed and device that it accepts",
    )
    parser.add_argument(
        "--seed", type=_seed, help="given to the factory, and written where it is not 0 (default: 0)"
    )
    parser.add_argument(
        "--device", help="given to the factory, such as cpu or cuda; it is not part of a configuration"
    )
    parser.add_argument(
        "--file",
        type=Path,
        default=Path(OWN_FILE),
        metavar="FILE",
        help=f"where to write (default: {OWN_FILE}); a {SHARED_FILE} gets a table [tool.rerank_guard] behind what it holds",
    )
    parser.add_argument("--force", action="store_true", help=f"replace a file that exists; never a {SHARED_FILE}")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from rerank_guard.core.config.new_file import append_table, is_shared, require_writable, write_file
    from rerank_guard.report.init_text import configuration_lines
    from rerank_guard.suite import load_target
    from rerank_guard.suite.method_overview import overview_of
    from rerank_guard.suite.settings import RunSettings

    path: Path = args.file
    require_writable(path, force=args.force)
    notes = list(_other_files(path))
    if (here := str(Path.cwd())) not in sys.path:  # as `python -m` does, and as the pytest plugin does
        sys.path.insert(0, here)
    seed = args.seed or 0
    reranker = load_target(args.target, seed=seed, device=args.device)
    overview = overview_of(reranker, RunSettings(seed=seed, device=args.device))
    given = {"target": args.target, **({"seed": seed} if seed else {})}
    text = "\n".join(configuration_lines(overview, given, shared=is_shared(path))) + "\n"
    if is_shared(path):
        append_table(path, text)
    else:
        write_file(path, text, force=args.force)
    judged = sum(len(group.checks) for group in overview.has)
    lacking = sum(len(each.checks) for each in overview.lacks)
    cutoffs = ", ".join(map(str, overview.cutoffs))
    lines = [
        f"{'appended [tool.rerank_guard] to' if is_shared(path) else 'wrote'} {path}",
        f"  {overview.n_tasks:,} held-out tasks, Recall@K at K = {cutoffs}",
        f"  {judged} checks judge the reranker; {lacking} more need methods that it lacks, which the file lists",
        *(f"  {note}" for note in notes),
        f"next: {_next_command(path, args.device)}",
    ]
    print_text("\n".join(lines))
    return 0


def _other_files(path: Path) -> Iterator[str]:
    """What happens to the configuration that is read at present.

    Raises:
        ConfigError: one of its files cannot be read.
    """
    from rerank_guard.core.config.files import find_tables

    if path.name not in (OWN_FILE, SHARED_FILE) or (path.name == OWN_FILE and path.exists()):
        return
    folder = path.absolute().parent
    for found in find_tables(folder):
        if found.path.parent == folder:
            yield f"{found.path.name} is read as well; {OWN_FILE} wins over {SHARED_FILE}"
        else:
            yield f"{found.path} is not read in this folder any more"


def _next_command(path: Path, device: str | None) -> str:
    found = path.name in (OWN_FILE, SHARED_FILE) and path.absolute().parent == Path.cwd()
    config = [] if found else ["--config", str(path)]
    return shlex.join(["rerank-guard", "doctor", *config, *(["--device", device] if device else [])])


def _seed(text: str) -> int:
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)
