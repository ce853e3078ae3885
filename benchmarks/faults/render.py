"""faults.md out of faults.json. Reads nothing else, so the same JSON always gives the same text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.markdown import table
from scipy.stats import binomtest

__all__ = ["markdown", "rows", "summary"]

Row = tuple[str, str, str, str, bool]
"""Figure, asked, best published, got, whether it is met."""

NAMED_RIGHT = 0.9
MINUTES = 16.0
LEVEL = 0.95


def markdown(result: Mapping[str, Any]) -> str:
    """The whole document."""
    figures = {name: section["figures"] for name, section in result["sections"].items()}
    lines = [
        "<!-- Made from faults.json by `make faults`; do not edit. -->",
        "# The fault catalogue: what is caught, and what it is called",
        "",
        "Made by `make faults` (`python -m benchmarks.faults`) on the embedded default target; `--only SECTION` remakes a part, "
        "`--fault D1` one fault. The raw figures are in [faults.json](faults.json).",
        "",
        *summary(result).splitlines(),
        "",
        *_faults(figures["catches"]),
        *_equivalents(figures["equivalents"]),
        *_healthy(figures["healthy"]),
        *_severity(figures["severity"]),
        *_measured_on(result["sections"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def summary(result: Mapping[str, Any]) -> str:
    """The table of what was asked and what was got."""
    asked_for = rows(result)
    missed = [row[0] for row in asked_for if not row[4]]
    head = f"{len(asked_for) - len(missed)} of {len(asked_for)} figures are met."
    head += f" **Missed: {'; '.join(missed)}.**" if missed else ""
    body = table(
        ("figure", "at least", "the best published", "got", "met"),
        [(name, asked, best, got, "yes" if met else "**no**") for name, asked, best, got, met in asked_for],
    )
    return "\n".join([head, "", *body])


def _count(rows: Sequence[Mapping[str, Any]], field: str) -> int:
    return sum(bool(row[field]) for row in rows)


def rows(result: Mapping[str, Any]) -> list[Row]:
    """One row a line of the table that was asked for."""
    figures = {name: section["figures"] for name, section in result["sections"].items()}
    faults = figures["catches"]["faults"]
    caught, right = _count(faults, "caught"), _count(faults, "right")
    static = [row for row in faults if row["static"]]
    static_right = _count(static, "right")
    naive = sum(bool(row["naive"]) for row in faults)
    kept = sum(row["naive_kept"] for row in faults)
    seconds = [row["static_seconds"] for row in static if row.get("static_seconds") is not None]
    raised = [row for row in figures["equivalents"]["changes"] if row["raised"]]
    healthy = figures["healthy"]
    total = sum(section["seconds"] for section in result["sections"].values()) / 60.0
    slowest = max(seconds, default=0.0)
    return [
        ("faults caught", "100 %", "90 %", _share(caught, len(faults)), caught == len(faults)),
        (
            "named right, first answer",
            ">= 90 %",
            "about 63 %",
            _share(right, len(faults)),
            right >= NAMED_RIGHT * len(faults),
        ),
        (
            "static faults named right",
            "100 %",
            "",
            _share(static_right, len(static)),
            static_right == len(static),
        ),
        (
            "equivalent changes that raise anything",
            "0",
            "1-31 %",
            f"{len(raised)} of {len(figures['equivalents']['changes'])}",
            not raised,
        ),
        (
            "healthy runs that fail, 300 seeds",
            "0",
            "",
            f"{healthy['runs_with_a_failed_check']} of {healthy['runs']}",
            healthy["runs_with_a_failed_check"] == 0 and healthy["runs"] >= 300,
        ),
        (
            "naive checks on the same faults",
            "shown beside",
            "",
            f"{_share(naive, len(faults))} caught, none named"
            + (f"; {kept} kept from an earlier run" if kept else ""),
            True,
        ),
        (
            "time to a static verdict",
            "before the first training step",
            "<= 1 iteration",
            f"0 steps; {slowest:.1f} s at most",
            bool(static),
        ),
        ("the catalogue itself", f"<= {MINUTES:g} minutes", "", f"{total:.1f} minutes", total <= MINUTES),
    ]


def _faults(catches: Mapping[str, Any]) -> Iterator[str]:
    yield "## Every fault"
    yield ""
    raised = catches["healthy_raised"]
    yield (
        f"Without a fault {'no check' if not raised else ', '.join(raised)} raises anything. *Static* means that a check without a "
        "model caught the fault, and the training job was not started; *one batch*, that the smoke training on one batch did, "
        "with the same effect. *Naive* are the checks that people write today (`loss < log N`, `recall > K/N`, "
        "`probs.std() > 0.01`); the name of an error in that column is what they raised, and *kept* marks a figure of an "
        "earlier run: the sources, the seed and the versions that it depends on have not changed since."
    )
    yield ""
    yield from table(
        ("#", "fault", "caught by", "static", "named", "right", "how sure", "runner-up", "naive"),
        [
            (
                row["id"],
                row["what"],
                _few([*row["by"], *row.get("inconclusive", [])]),
                "yes" if row["static"] else "one batch" if row["stopped"] else "",
                row["named"] or "",
                "yes" if row["right"] else f"**no**, {row['expected'][0]}",
                row["certainty"] or "",
                row["runner_up"] or "",
                _naive(row),
            )
            for row in catches["faults"]
        ],
    )
    yield ""


def _naive(row: Mapping[str, Any]) -> str:
    return (", ".join(row["naive"]) or "-") + (" (kept)" if row["naive_kept"] else "")


def _equivalents(equivalents: Mapping[str, Any]) -> Iterator[str]:
    yield "## Changes that change nothing"
    yield ""
    yield from table(
        ("change", "checks that passed", "raised"),
        [(row["change"], str(row["judged"]), ", ".join(row["raised"]) or "-") for row in equivalents["changes"]],
    )
    yield ""


def _healthy(healthy: Mapping[str, Any]) -> Iterator[str]:
    yield "## Healthy runs"
    yield ""
    open_ones = ", ".join(f"{check} {count}" for check, count in healthy["inconclusive"].items()) or "none"
    failed = ", ".join(f"{check} {count}" for check, count in healthy["failed"].items()) or "none"
    upper = binomtest(healthy["runs_with_a_failed_check"], healthy["runs"]).proportion_ci(LEVEL, "exact").high
    yield (
        f"{healthy['runs']} runs of {healthy['users_a_run']} users, replayed from {healthy['jobs_trained']} trained jobs: "
        f"each draws its users from {healthy['pool']:,}, its trace from neighbouring steps, its data from a world of its own seed. "
        f"Failed: {failed} (at most {upper:.2%} of runs, Clopper-Pearson {LEVEL:.0%}). Inconclusive: {open_ones}. "
        f"Judged: {', '.join(healthy['checks'])}."
    )
    yield ""


def _severity(severity: Mapping[str, Any]) -> Iterator[str]:
    yield "## Severity, and below which degree a fault is missed"
    yield ""
    yield "![Catch rate against severity](faults-severity.png)"
    yield ""
    yield (
        f"{severity['repeats']} draws of {severity['users']} users a point. D5: share of targets moved to the first position "
        "(held-out users alone; the exact checks need no more). D11: share of target_index off by one. S3: scores rounded to this "
        "many standard deviations of a user's scores. D10: share of training targets exchanged among the users, one job a "
        "point. B2: share of training labels replaced by a random candidate, compared with the healthy run."
    )
    yield ""
    for name, curve in severity["curves"].items():
        points = ", ".join(
            f"{point['severity']:g}: {point['caught']:.0%}"
            + (f" (Recall@20 {point['recall']:.3f})" if "recall" in point else "")
            for point in curve
        )
        yield f"- **{name}** {points}. {_missed_up_to(curve)}"
    yield ""


def _missed_up_to(curve: Sequence[Mapping[str, Any]]) -> str:
    missed = [point["severity"] for point in curve if point["caught"] < 0.5]
    if not missed:
        return f"Caught from {curve[0]['severity']:g}, the least that was tried."
    return f"Missed in half of the draws or more up to {max(missed):g}."


def _measured_on(sections: Mapping[str, Any]) -> Iterator[str]:
    yield "## Measured on"
    yield ""
    yield from table(
        ("section", "seconds", "seed", "device", "command"),
        [
            (name, f"{part['seconds']:g}", str(part["seed"]), part["device"], f"`{part['command']}`")
            for name, part in sections.items()
        ],
    )


def _share(count: int, of: int) -> str:
    if of == 0:
        return "none"
    low = binomtest(count, of).proportion_ci(LEVEL, "exact").low
    return f"{count} of {of} ({count / of:.0%}; at least {low:.0%}, Clopper-Pearson {LEVEL:.0%})"


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
