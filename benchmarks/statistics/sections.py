"""The sections of statistics.md after its table: one for each family of figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.markdown import table
from scipy.stats import beta

__all__ = ["everything"]


def everything(figures: Mapping[str, Any]) -> Iterator[str]:
    """All sections in order."""
    for title, lines in (
        ("A ranker that knows nothing", _null(figures["null"], figures["null_others"])),
        ("Checks ignored, expected or preview", _configured_level(figures["configured_level"])),
        ("A ranker that is healthy", _healthy(figures["healthy"])),
        ("Checks on healthy rerankers", _healthy_grids(figures["healthy_grids"])),
        ("Users until the verdict", _median_users(figures["median_users"])),
        ("Early stop", _early_stop(figures["early_stop"], figures["sick_jobs"])),
        ("Recording and testing", _recording(figures["recording_cost"])),
        ("Metrics of a million users", _metrics(figures["metrics"])),
    ):
        yield f"## {title}"
        yield ""
        yield from lines
        yield ""


def _null(null: Mapping[str, Any], others: Mapping[str, Any]) -> Iterator[str]:
    users, naive = null["users"], null["naive_users"]
    yield (
        f"Random scores for {null['simulations']:,} x {users:,} users, ranked by the product's metric, a look after every "
        f"user, alpha = {null['alpha']:g}. The naive check is `recall > K/N` on {naive} users, looked at once, or after each of "
        "them. Each share is followed by its exact probability."
    )
    yield ""
    yield from table(
        (
            "check",
            f"passes within {users:,} users",
            f"exactly, within {null['long_run_users']:,}",
            "naive check, one look",
            f"naive check, {naive} looks",
        ),
        [
            (
                check["check"],
                f"{check['share']:.3%} (± {check['standard_error']:.3%}), {check['exact']:.3%}",
                f"{check['exact_long_run']:.3%}",
                f"{check['naive_share']:.1%}, {check['naive_exact']:.1%}",
                f"{check['naive_every_user_share']:.1%}, {check['naive_every_user_exact']:.1%}",
            )
            for check in null["checks"]
        ],
    )
    yield ""
    yield (
        f"The boundary of hits decided all replays; {null['paths_checked']:,} of them, among these all that passed, were "
        f"decided by the e-process itself too: {null['paths_that_disagree_with_the_boundary']} disagree."
    )
    yield ""
    yield (
        f"The other e-processes under their nulls, at alpha = {others['alpha']:g} too; a look after every user, or batch of "
        "training. The last column is a one-sided 95% upper limit (Clopper and Pearson 1934): few simulations cannot show "
        "less than that, Ville's inequality does."
    )
    yield ""
    yield from table(
        ("null", "length", "simulations", "ever cross", "share", "at most"),
        [
            (
                null["null"],
                null["looks"],
                f"{null['simulations']:,}",
                str(null["crossed"]),
                f"{null['share']:.3%}",
                f"{null['at_most']:.2%}",
            )
            for null in others["nulls"]
        ],
    )


def _configured_level(level: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{level['runs']:,} runs of {level['checks']} statistical checks under their nulls, of which {level['set_apart']} are set "
        f"apart; the p-values are 1/sup E of bets on {level['users']} users, or uniform, which spends the level fully. All ways "
        "judge the same draws through the run's error budget. In brackets two-sided 95% limits (Clopper and Pearson 1934)."
    )
    yield ""
    yield from table(
        (
            "p-values",
            "alpha",
            "set apart as",
            "one of the others is FAILED",
            "the run fails",
            "verdicts failed anew",
        ),
        [
            (
                row["p_values"],
                f"{row['alpha']:g}",
                row["way"],
                f"{row['others_share']:.3%} [{row['others_between'][0]:.3%}, {row['others_between'][1]:.3%}]",
                f"{row['runs_share']:.3%}",
                str(row["newly_failed"]),
            )
            for row in level["rows"]
        ],
    )


def _healthy(healthy: Mapping[str, Any]) -> Iterator[str]:
    checks = ", ".join(f"{number} {status}" for status, number in healthy["checks_on_all_users"].items() if number)
    yield (
        f"{healthy['check']}, chance {healthy['chance']:.2f}, true rate {healthy['truth']:.2f}, declared effect "
        f"{healthy['declared_effect']:g}, alpha = {healthy['alpha']:g} for either verdict. Of {healthy['replays']:,} replays "
        f"{healthy['passed']:,} pass, {healthy['failed']} fail and {healthy['inconclusive']} are undecided at "
        f"{healthy['users']:,} users; in {healthy['flipped']} a later look says the opposite of the first verdict."
    )
    yield ""
    yield (
        f"The first verdict is final, and has to be: in {healthy['open_again'] / healthy['replays']:.0%} of the replays some "
        "look after the PASS finds E below 1/alpha again, which would read as undecided. `recall_beats_baseline` judges "
        f"all users it is given at once; on the first replay of each seed, with all {healthy['users']:,} users: {checks}."
    )


def _healthy_grids(grids: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Inputs of healthy rerankers, drawn over seeds, sizes and shapes; each check at its own level, without a run's error "
        "budget. *At most* is a one-sided 95% upper limit of the rate of failures (Clopper and Pearson 1934)."
    )
    yield ""
    yield from table(
        ("drawn", "check", "level", "draws", "failed", "at most", "inconclusive"),
        [
            (
                row["grid"],
                f"`{row['check']}`",
                "a threshold" if row["alpha"] is None else f"{row['alpha']:g}",
                str(row["draws"]),
                str(row["failed"]),
                f"{beta.ppf(0.95, row['failed'] + 1, row['draws'] - row['failed']):.1%}",
                str(row["inconclusive"]),
            )
            for row in grids["grids"]
        ],
    )


def _median_users(users: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Exact: the distribution of hits among the users not yet decided is carried on from user to user. The limit is "
        "1.1 x log(1/alpha)/KL; the oracle, log(1/alpha)/KL, knows the true rate. The Beta mixtures' prior of the rate is cut to "
        "(chance, 1)."
    )
    yield ""
    yield from table(
        (
            "case",
            "median",
            "limit",
            "oracle",
            "flat Beta",
            "Jeffreys's Beta",
            "5%, 25%, 75%, 95%",
            f"median of {users['replays']:,} replays",
        ),
        [
            (
                case["case"],
                f"**{case['median']}**",
                str(case["limit"]),
                f"{case['oracle']:.1f}",
                str(case["median_flat"]),
                str(case["median_jeffreys"]),
                ", ".join(
                    str(quantile)
                    for share, quantile in zip(users["shares"], case["quantiles"], strict=True)
                    if share != 0.5
                ),
                f"{case['median_simulated']:g} (exactly {case['exact_at_simulated_median']:.1%} have passed by then)",
            )
            for case in users["cases"]
        ],
    )
    yield ""
    yield "![Share of rankers that have passed, by user](statistics-users.png)"


def _early_stop(early: Mapping[str, Any], sick: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "The embedded default job, trained to its budget and trained with the early stop, each judged by all checks. Up to "
        "the stop both are the same job: the last column is the largest difference of any example's letter NLL."
    )
    yield ""
    yield from table(
        (
            "seed",
            "steps",
            "with early stop",
            "saved",
            "verdicts",
            *(f"Recall {k}" for k in early["jobs"][0]["recall"]),
            "NLL differs by",
        ),
        [
            (
                str(job["seed"]),
                str(job["steps"]),
                str(job["steps_early"]),
                f"{job['saved']:.1%}",
                _verdicts(job),
                *(f"{job['recall'][k]:.3f} → {job['recall_early'][k]:.3f}" for k in job["recall"]),
                f"{job['largest_difference_of_nll_up_to_the_stop']:.0e}",
            )
            for job in early["jobs"]
        ],
    )
    yield ""
    yield (
        "The training checks of the whole runs are decided at "
        + ", ".join(f"step {job['loss_check_decided_after']}" for job in early["jobs"])
        + "; an early job continues from there until the ranking of its own examples suggests that the held-out users will "
        "decide too. The cost of the stop is quality: such a job is not fully trained, as its recall shows."
    )
    for job in early["jobs"]:
        for check, cause in job["open_early"].items():
            yield ""
            yield f"Seed {job['seed']}, ended early, `{check}`: {cause}"
    yield ""
    yield (
        "Sick jobs of half the length, with the early stop on. None may end early; one that runs to its budget has the "
        "whole job's verdicts, as the monitor only looks. (The base knows a little of this world before any training, so "
        "its letters may beat chance at a higher temperature at learning rate 0 too; its loss does not.)"
    )
    yield ""
    yield from table(
        ("job", "steps", "with early stop", "log10 E, chance", "log10 E, letter prior", "not passed"),
        [
            (
                job["job"],
                str(job["steps"]),
                f"{job['steps_early']}{' (**ended early**)' if job['stopped_early'] else ''}",
                f"{job['log10_e_chance']:.1f}",
                f"{job['log10_e_prior']:.1f}",
                _not_passed(job),
            )
            for job in sick["jobs"]
        ],
    )
    yield ""
    yield "![Letter NLL and log10 E over the steps](statistics-early-stop.png)"


def _verdicts(job: Mapping[str, Any]) -> str:
    full = job["verdicts"]
    if job["same_verdicts"]:
        passed = sum(status == "passed" for status in full.values())
        applicable = sum(status != "not_applicable" for status in full.values())
        return f"same, {passed} of {applicable} passed"
    others = [f"{check}: {status} → {job['verdicts_early'][check]}" for check, status in full.items()]
    return "; ".join(text for text in others if len(set(text.partition(": ")[2].split(" → "))) > 1)


def _not_passed(job: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{check} {status}" + (f" ({job['faults'][check]})" if check in job["faults"] else "")
        for check, status in job["verdicts"].items()
        if status not in ("passed", "not_applicable")
    )


def _recording(cost: Mapping[str, Any]) -> Iterator[str]:
    job, calls = cost["job"], cost["calls"]
    yield (
        f"In {job['steps']} steps of a LetterTrainer job (batch {job['batch_size']}, a step took "
        f"{job['milliseconds_a_step']:.0f} ms): gathering the logits {job['microseconds_of_gather_a_step']:.0f} µs, "
        f"`recorder.letters` {job['microseconds_of_letters_a_step']:.0f} µs, `recorder.step`, which informs the monitor, "
        f"{job['microseconds_of_step_a_step']:.0f} µs a step."
    )
    yield ""
    yield (
        f"By themselves, at B=16 and N=50 (mean of {cost['calls_timed']:,} calls): `letters` {calls['letters']:.0f} µs, "
        f"`step` with a monitor {calls['step_with_monitor']:.0f} µs, without one {calls['step_alone']:.1f} µs."
    )


def _metrics(metrics: Mapping[str, Any]) -> Iterator[str]:
    peers, several = metrics["one_target_peers"], metrics["several_targets"]
    several_peers = metrics["several_targets_peers"]
    agree = peers["their_means_lie_within_our_tie_gaps"] and several_peers["their_means_lie_within_our_tie_gaps"]
    yield (
        f"{', '.join(metrics['metrics'])}. Microseconds a user; the peers on {metrics['peer_users']:,} users, ours on "
        f"{metrics['users']:,}. `ranx` runs on {peers['ranx_threads']} threads, ours on one. The peers break ties by order; "
        f"their means {'all' if agree else 'do NOT all'} lie between our best and worst tie order."
    )
    yield ""
    yield from table(
        ("", "ours", "`ranx`", "`pytrec_eval`", "times faster than the faster"),
        [
            (
                "one target a user, means and tie gaps",
                f"{metrics['one_target']['float32']['us_per_user']:.3f}",
                f"{peers['ranx_us_per_user']:.1f}",
                f"{peers['pytrec_eval_us_per_user']:.1f}",
                f"{metrics['one_target_times_faster_than_the_faster_peer']:.0f}",
            ),
            (
                "the same, and each user's values",
                f"{metrics['one_target']['float32']['us_per_user_with_each_users_values']:.3f}",
                "as above",
                "as above",
                f"{metrics['one_target_times_faster_with_each_users_values']:.0f}",
            ),
            (
                "one target a user, the peers' input built too",
                f"{metrics['one_target']['float32']['us_per_user']:.3f}",
                f"{peers['ranx_us_per_user'] + peers['ranx_input_us_per_user']:.1f}",
                f"{peers['pytrec_eval_us_per_user'] + peers['pytrec_eval_input_us_per_user']:.1f}",
                f"{metrics['one_target_times_faster_with_input_built']:.0f}",
            ),
            (
                f"up to {several['most_relevant_candidates']} targets a user, each user's values",
                f"{several['us_per_user_of_values']:.2f}",
                f"{several_peers['ranx_us_per_user']:.1f}",
                f"{several_peers['pytrec_eval_us_per_user']:.1f}",
                f"{metrics['several_targets_times_faster_than_the_faster_peer']:.1f}",
            ),
        ],
    )
    yield ""
    yield (
        "The target row is the first: one target a user is what this project judges. With several targets every candidate "
        f"has to be ranked, and the peak memory is {several['peak_memory_over_score_matrix']:.2f}x the score matrix."
    )
    yield ""
    names = list(metrics["one_target"]["float32"]["seconds_of_one_pass"])
    yield "Against one pass over the scores, by several notions of a pass; the first is the one of the table above:"
    yield ""
    yield from table(
        ("scores", "seconds", *(name.replace("_", " ") for name in names), "peak memory / score matrix"),
        [
            (
                dtype,
                f"{kind['seconds_checks_means_and_tie_gaps']:.3f}",
                *(
                    f"{kind['seconds_of_one_pass'][name]:.3f} s ({kind['time_over_one_pass'][name]:.1f}x)"
                    for name in names
                ),
                f"{kind['peak_memory_over_score_matrix']:.2f}",
            )
            for dtype, kind in metrics["one_target"].items()
        ],
    )
