"""The options of a run, one record each: pytest, doctor, selftest and the files derive their spelling from here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rerank_guard.core.config.option_kinds import CUTOFFS, FLAG, LEVEL, NAMES, PATH, SEED, TEXT, Kind

__all__ = ["FILE_OPTION", "OPTIONS", "SET_OPTION", "Option", "add_options", "given_options"]


class Option(NamedTuple):
    """One option. `key` is its name in a file; the command line has "-" in place of "_".

    Attributes:
        key: name in a file.
        kind: what its value may be.
        help: for the command line.
        metavar: what stands for the value there.
    """

    key: str
    kind: Kind
    help: str
    metavar: str = ""

    def flag(self, prefix: str) -> str:
        """Its spelling on the command line, such as "--rerank-early-stop" for the prefix "rerank-"."""
        return f"--{prefix}{self.key.replace('_', '-')}"


OPTIONS = (
    Option(
        "target",
        TEXT,
        "The reranker to judge. The factory is called with those of the keyword arguments seed and device that it "
        "accepts.",
        "PKG.MOD:FACTORY",
    ),
    Option(
        "k",
        CUTOFFS,
        "Cutoffs of Recall@K, each below the largest N. Default: the reranker's own, else those of 5 and 20 below the N of most tasks.",
        "K,K",
    ),
    Option(
        "alpha",
        LEVEL,
        "False-alarm rate of every statistical check and of the run's error budget. Default: each check's own, and "
        "0.001 for the budget.",
        "LEVEL",
    ),
    Option(
        "seed", SEED, "Seed given to the reranker's factory, and of all that the run draws. Default: 0.", "SEED"
    ),
    Option(
        "select",
        NAMES,
        "Judge these alone: checks, stages (such as data) or faults (the checks that can name them). Default: all.",
        "NAME,NAME",
    ),
    Option("ignore", NAMES, "Do not judge these checks, stages or faults; the report lists them.", "NAME,NAME"),
    Option("preview", FLAG, "Let preview checks fail the run; by default they are only reported."),
    Option(
        "early_stop",
        FLAG,
        "End the training job as soon as its checks have passed; what is scored then is the model of that moment. The "
        "reranker's train() must take a monitor.",
    ),
    Option(
        "continue",
        FLAG,
        "Train and score even where a check before the job has failed; by default such a job is not started.",
    ),
    Option(
        "reference",
        PATH,
        "A reference run, stored earlier; the suite then also judges that Recall@K has not fallen below it.",
        "FILE",
    ),
    Option("report", PATH, "Folder where report.json and summary.md go.", "DIR"),
)
"""Every option that a file and the command line share; in a file there are also the tables `expected` and `checks`."""

SET_OPTION = Option(
    "set",
    TEXT,
    "A setting of a check, such as recall_beats_baseline.effect=0.02; may be given several times. "
    "`rerank-guard explain NAME` shows the settings of a check.",
    "NAME.SETTING=VALUE",
)

FILE_OPTION = Option(
    "config",
    TEXT,
    "Read this configuration file alone. Default: rerank_guard.toml, and [tool.rerank_guard] in pyproject.toml, in the "
    "nearest folder upward that has one; the former wins over the latter, and the command line over both.",
    "FILE",
)


def add_options(add: Callable[..., Any], prefix: str = "", *, without: tuple[str, ...] = ()) -> None:
    """Add all options to a command line; those that are not given are None, so that a file can give them.

    Args:
        add: argparse's `add_argument`, or pytest's `addoption`.
        prefix: of each option and its attribute, such as "rerank-".
        without: keys that this command does not have.
    """
    for option in OPTIONS:
        if option.key in without:
            continue
        dest = _dest(option, prefix)
        if option.kind is FLAG:
            add(option.flag(prefix), dest=dest, action="store_const", const=True, default=None, help=option.help)
        else:
            add(
                option.flag(prefix),
                dest=dest,
                metavar=option.metavar,
                type=_reader(option),
                default=None,
                help=option.help,
            )
    add(
        SET_OPTION.flag(prefix),
        dest=_dest(SET_OPTION, prefix),
        metavar=SET_OPTION.metavar,
        action="append",
        default=None,
        help=SET_OPTION.help,
    )
    add(
        FILE_OPTION.flag(prefix),
        dest=_dest(FILE_OPTION, prefix),
        metavar=FILE_OPTION.metavar,
        default=None,
        help=FILE_OPTION.help,
    )


def given_options(namespace: object, prefix: str = "") -> dict[str, object]:
    """Key to value of the options that the command line gave; "set" and "config" among them where they were."""
    found = {
        option.key: getattr(namespace, _dest(option, prefix), None)
        for option in (*OPTIONS, SET_OPTION, FILE_OPTION)
    }
    return {key: value for key, value in found.items() if value is not None}


def _dest(option: Option, prefix: str) -> str:
    return f"{prefix}{option.key}".replace("-", "_")


def _reader(option: Option) -> Callable[[str], object]:
    def read(text: str) -> object:
        try:
            return option.kind.from_file(option.kind.from_text(text), Path.cwd())
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read
