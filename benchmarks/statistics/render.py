"""statistics.md out of statistics.json. Reads nothing else, so the same JSON always gives the same text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.markdown import table
from benchmarks.statistics import sections

__all__ = ["markdown", "rows"]

Row = tuple[str, str, str, bool, str]
"""Figure, asked, got, whether it is met, how."""

MEDIAN_SAVED, RECORDING_SHARE, INCONCLUSIVE, NULL_SHARE = 0.6, 0.01, 0.02, 0.001
FASTER, MEMORY, ONE_PASS = 60.0, 3.0, 4.0


def markdown(result: Mapping[str, Any]) -> str:
    """The whole document."""
    families = result["families"]
    figures = {name: family["figures"] for name, family in families.items()}
    asked_for = rows(figures)
    missed = [row[0] for row in asked_for if not row[3]]
    lines = [
        "<!-- Made from statistics.json by `make stats`; do not edit. -->",
        "# Statistics: what was asked, what was got",
        "",
        "Made by `make stats` (`python -m benchmarks.statistics`), which measures everything below; "
        "`--only NAME` remakes one family of figures. The raw figures, with seed, seconds, versions and device, are in "
        "[statistics.json](statistics.json).",
        "",
        f"{len(asked_for) - len(missed)} of {len(asked_for)} figures are met."
        + (f" **Missed: {'; '.join(missed)}.**" if missed else ""),
        "",
        *table(
            ("figure", "asked", "got", "met", "how"),
            [(name, asked, got, "yes" if met else "**no**", how) for name, asked, got, met, how in asked_for],
        ),
        "",
        *sections.everything(figures),
        *_measured_on(families),
    ]
    return "\n".join(lines).rstrip() + "\n"


def rows(figures: Mapping[str, Any]) -> list[Row]:
    """One row a line of the table that was asked for."""
    return [
        _null(figures["null"]),
        _configured_level(figures["configured_level"]),
        *_healthy(figures["healthy"]),
        _median_users(figures["median_users"]),
        _early_stop(figures["early_stop"], figures["sick_jobs"]),
        _recording(figures["recording_cost"]),
        _metrics(figures["metrics"]),
    ]


def _null(null: Mapping[str, Any]) -> Row:
    checks = null["checks"]
    naive = next(check for check in checks if check["check"] == "Recall@20 of 50")
    shares = _each(checks, lambda check: f"{check['share']:.3%}")
    exact = _each(checks, lambda check: f"{check['exact']:.3%}")
    return (
        "a null ranker ever passes, under a look after every user",
        f"≤ {NULL_SHARE:.1%} (naive check on {null['naive_users']} users: 46%)",
        f"{shares} ({_each(checks, lambda check: check['check'])}); exactly {exact}; naive check {naive['naive_share']:.1%}",
        all(max(check["share"], check["exact"], check["exact_long_run"]) <= NULL_SHARE for check in checks),
        f"{null['simulations']:,} simulations of {null['users']:,} users each, random scores through the product's "
        "metric; exact by `stats.power.when_decided`",
    )


def _configured_level(level: Mapping[str, Any]) -> Row:
    worst = [row for row in level["rows"] if row["p_values"] != "1/sup E of bets"]
    strictest = [row for row in worst if row["alpha"] == min(row["alpha"] for row in worst)]
    none = strictest[0]
    return (
        f"false alarms of the others with {level['set_apart']} of {level['checks']} checks ignored, expected or preview",
        "level unchanged",
        "; ".join(f"{row['way']} {row['others_share']:.3%}" for row in strictest)
        + f" at alpha {none['alpha']:g} with uniform p-values; {sum(row['newly_failed'] for row in level['rows'])} verdicts "
        "failed anew",
        all(
            row["others_failed"] <= plain["others_failed"] and row["newly_failed"] == 0
            for row in level["rows"]
            for plain in level["rows"]
            if plain["way"] == "none" and (plain["p_values"], plain["alpha"]) == (row["p_values"], row["alpha"])
        ),
        f"{level['runs']:,} runs of a healthy reranker, the same draws each way, through `suite.error_budget`",
    )


def _healthy(healthy: Mapping[str, Any]) -> Iterator[Row]:
    how = (
        f"{healthy['replays_a_seed']:,} replays for each of {healthy['seeds']} seeds, a look after every one of "
        f"{healthy['users']:,} users, the first verdict final"
    )
    name = f"a healthy ranker ({healthy['check']}: {healthy['truth']})"
    yield (
        f"{name} fails or flips",
        "0",
        f"{healthy['failed']} fail and {healthy['flipped']} flip of {healthy['replays']:,}; exactly, "
        f"P(fail) = {healthy['exact_failed']:.1e}",
        healthy["failed"] == 0 and healthy["flipped"] == 0,
        how,
    )
    yield (
        f"{name} is inconclusive at {healthy['users']:,} users",
        f"≤ {INCONCLUSIVE:.0%}",
        f"{healthy['inconclusive']} of {healthy['replays']:,}; exactly "
        + (f"{healthy['exact_inconclusive']:.1e}" if healthy["exact_inconclusive"] > 1e-12 else "below 1e-12"),
        healthy["inconclusive"] <= INCONCLUSIVE * healthy["replays"]
        and healthy["exact_inconclusive"] <= INCONCLUSIVE,
        how,
    )


def _median_users(users: Mapping[str, Any]) -> Row:
    cases = users["cases"]
    flat, jeffreys = (_each(cases, lambda case, n=name: str(case[f"median_{n}"])) for name in ("flat", "jeffreys"))
    return (
        f"median users to PASS at alpha={users['alpha']:g}: " + _each(cases, lambda case: case["case"]),
        "≤ " + _each(cases, lambda case: str(case["limit"])),
        f"{_each(cases, lambda case: str(case['median']))} (a plain Beta mixture: flat {flat}; Jeffreys {jeffreys})",
        all(case["median"] <= case["limit"] for case in cases),
        f"exact, by `stats.power`; {users['replays']:,} replays of the e-process itself: median "
        + _each(cases, lambda case: f"{case['median_simulated']:g}"),
    )


def _early_stop(early: Mapping[str, Any], sick: Mapping[str, Any]) -> Row:
    jobs = early["jobs"]
    same = sum(job["same_verdicts"] for job in jobs)
    ended = sum(job["stopped_early"] for job in sick["jobs"])
    parts = [
        (
            early["median_saved"] >= MEDIAN_SAVED,
            f"{early['median_saved']:.0%} (median; least {min(job['saved'] for job in jobs):.1%}; ended after {_each(jobs, lambda job: str(job['steps_early']), ', ')} of "
            f"{jobs[0]['steps']} steps)",
        ),
        (same == len(jobs), f"same verdicts for {same} of {len(jobs)} seeds"),
        (ended == 0, f"{ended} of {len(sick['jobs'])} sick jobs ended early"),
    ]
    return (
        "training steps saved by the early stop against the fixed budget, same verdicts",
        f"≥ {MEDIAN_SAVED:.0%}",
        _parts(parts),
        all(met for met, _ in parts),
        f"the embedded default job, seeds {_each(jobs, lambda job: str(job['seed']), ', ')}, "
        "`check_reranker(target, RunSettings(early_stop=True))` and the same without",
    )


def _recording(cost: Mapping[str, Any]) -> Row:
    job = cost["job"]
    return (
        "recording and testing, share of a training step",
        f"≤ {RECORDING_SHARE:.0%}",
        f"{job['share']:.2%} of {job['milliseconds_a_step']:.0f} ms",
        job["share"] <= RECORDING_SHARE,
        f"recorder calls timed inside {job['steps']} steps of the embedded job, the smallest model here and so the "
        "largest share",
    )


def _metrics(metrics: Mapping[str, Any]) -> Row:
    kinds = metrics["one_target"]
    faster = metrics["one_target_times_faster_than_the_faster_peer"]
    memory = max(kind["peak_memory_over_score_matrix"] for kind in kinds.values())
    passes = {name: kind["time_over_one_pass"]["sum_of_each_row"] for name, kind in kinds.items()}
    parts = [
        (faster >= FASTER, f"{faster:.0f}x the faster peer"),
        (memory <= MEMORY, f"memory {memory:.2f}x the score matrix"),
        (max(passes.values()) <= ONE_PASS, f"time {_passes(passes)} one pass"),
    ]
    return (
        f"{metrics['users']:,} users x {metrics['candidates']} candidates, all metrics with ties, compared with `ranx` and "
        "`pytrec_eval`",
        f"≥ {FASTER:.0f}x the faster of them a user; memory ≤ {MEMORY:.0f}x the score matrix; time ≤ {ONE_PASS:.0f}x one "
        "pass over it",
        _parts(parts),
        all(met for met, _ in parts),
        f"one target a user, means and tie gaps of {len(metrics['metrics'])} metrics, input checked; one pass = the sum "
        f"of each row; peers on {metrics['peer_users']:,} users, their input built before",
    )


def _parts(parts: Sequence[tuple[bool, str]]) -> str:
    return "; ".join(text if met else f"**missed: {text}**" for met, text in parts)


def _passes(passes: Mapping[str, float]) -> str:
    return " and ".join(f"{times:.1f}x ({name})" for name, times in passes.items())


def _each(entries: Sequence[Mapping[str, Any]], text: Any, between: str = "; ") -> str:
    return between.join(text(entry) for entry in entries)


def _measured_on(families: Mapping[str, Any]) -> Iterator[str]:
    yield "## Measured on"
    yield ""
    yield from table(
        ("figures", "command", "device", "load before", "seconds", "versions"),
        [
            (
                name,
                f"`{family['command']}`",
                family["device"],
                f"{family['load_average_before']:.1f}",
                f"{family['seconds']:.0f}",
                ", ".join(f"{package} {version}" for package, version in family["versions"].items()),
            )
            for name, family in families.items()
        ],
    )
    yield ""
    yield (
        "Load before: the machine's load average over the minute before. Counts and exact figures do not depend on it, "
        "timings do."
    )
