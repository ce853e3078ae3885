"""trust.md out of trust.json. Reads nothing else, so the same JSON always gives the same text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.markdown import table
from scipy.stats import binomtest

from rerank_guard.core.defaults import ALPHA

__all__ = ["markdown", "summary"]

LEVEL = ALPHA
"""Stated level of a statistical check that does not say another one."""

REJECTED = 1e-6


def markdown(result: Mapping[str, Any]) -> str:
    """The whole document."""
    lines = [
        "<!-- Made from trust.json by `make trust`; do not edit. -->",
        "# Cases of trust: what must come out, and what does",
        "",
        f"Made by `make trust` (`{result['command']}`, {result['seconds']:g} s on {result['device']}); `--only 12` remakes one item, "
        "`--fast` the part that the test suite runs. The cases of an item were reported; their siblings were "
        "written without reading the code that they try, and some inputs were corrected after their first run. The raw figures are in [trust.json](trust.json).",
        "",
        *summary(result).splitlines(),
        "",
        *_wrong(result["cases"]),
        *_cases(result["cases"]),
        *(_healthy(result["healthy"]) if "healthy" in result else ()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def summary(result: Mapping[str, Any]) -> str:
    """The totals."""
    rows = result["cases"]
    cases = [row for row in rows if not row["sibling"]]
    siblings = [row for row in rows if row["sibling"]]
    items = sorted({row["item"] for row in rows})
    right = [item for item in items if all(row["right"] for row in cases if row["item"] == item)]
    alarms = [row for row in rows if row["alarm"]]
    body = [
        ("items whose reported cases are all right", f"{len(right)} of {len(items)}"),
        ("reported inputs right", _share(cases)),
        ("siblings right", _share(siblings)),
        ("false alarms on healthy inputs", f"{len(alarms)} of {sum(row['healthy'] for row in rows)}"),
    ]
    return "\n".join(table(("figure", "got"), body))


def _share(rows: Sequence[Mapping[str, Any]]) -> str:
    right = sum(row["right"] for row in rows)
    return f"{right} of {len(rows)}" + (f" ({right / len(rows):.0%})" if rows else "")


def _wrong(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    wrong = [row for row in rows if not row["right"]]
    yield "## Wrong"
    yield ""
    if not wrong:
        yield "None."
    else:
        body = [(str(row["item"]), row["name"], row["expected"], "; ".join(row["wrong"])) for row in wrong]
        yield from table(("item", "input", "expected", "what is wrong"), body)
    yield ""


def _cases(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Every case"
    yield ""
    body = [
        (
            str(row["item"]),
            ("" if row["sibling"] else "**reported:** ") + row["name"],
            row["expected"],
            row["got"],
            "yes" if row["right"] else "**no**",
        )
        for row in rows
    ]
    yield from table(("item", "input", "expected", "got", "right"), body)
    yield ""


def _healthy(healthy: Mapping[str, Any]) -> Iterator[str]:
    yield "## Healthy set-ups"
    yield ""
    yield (
        f"{healthy['draws']} draws of each of {len(healthy['setups'])} healthy set-ups, all checks "
        f"({healthy['seconds']:g} s). A check is rejected where so many failures have a probability below "
        f"{REJECTED:g} at its stated level; an exact check may never fail."
    )
    yield ""
    body = []
    for setup, figures in healthy["setups"].items():
        for check, row in figures["checks"].items():
            if not (row["failed"] or row["inconclusive"]):
                continue
            body.append((setup, check, str(row["failed"]), str(row["inconclusive"]), _level(row), _within(row)))
    yield from table(("set-up", "check", "failed", "inconclusive", "stated level", "within"), body)
    yield ""
    names = sorted({check for figures in healthy["setups"].values() for check in figures["checks"]})
    yield f"Neither failed nor inconclusive anywhere: all others of {', '.join(names)}."
    yield ""


def _level(row: Mapping[str, Any]) -> str:
    return f"{LEVEL:g}" if row["statistical"] else "exact"


def _within(row: Mapping[str, Any]) -> str:
    if row["failed"] == 0:
        return "yes"
    if not row["statistical"]:
        return "**no**"
    chance = binomtest(row["failed"], row["judged"], LEVEL, alternative="greater").pvalue
    return "yes" if chance >= REJECTED else "**no**"
