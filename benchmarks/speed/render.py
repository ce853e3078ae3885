"""speed.md out of speed.json. Reads nothing else, so the same JSON always gives the same text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.markdown import table
from benchmarks.speed.plots import PANELS

__all__ = ["markdown", "rows", "summary"]

Row = tuple[str, str, str, bool | None]
"""Figure, asked, got, whether it is met; None where it could not be measured."""

NOT_RUN = "not run: no GPU was available"


def markdown(result: Mapping[str, Any]) -> str:
    """The whole document."""
    figures = {name: section["figures"] for name, section in result["sections"].items()}
    lines = [
        "<!-- Made from speed.json by `make bench`; do not edit. -->",
        "# Speed: scoring, training, prompts, the suite",
        "",
        "Made by `make bench` (`python -m benchmarks.speed`; `--only SECTION` remakes a part). What is compared ran in turn "
        "in one process; a ratio is the median over the rounds of the quotient within a round, followed by its least and "
        "greatest. The raw figures are in [speed.json](speed.json).",
        "",
        *summary(result).splitlines(),
        "",
        *_scoring(figures["scoring"]),
        *_training(figures["training"]),
        *_prompts(figures["prompts"]),
        *_metrics(figures["metrics"]),
        *_idle(figures["idle"]),
        *_gate(figures["gate"]),
        *_growth(figures["growth"]),
        *_gpu(result.get("gpu")),
        *_measured_on(result["sections"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def summary(result: Mapping[str, Any]) -> str:
    """The table of what was asked and what was got."""
    asked_for = rows(result)
    missed = [row[0] for row in asked_for if row[3] is False]
    open_ = [row[0] for row in asked_for if row[3] is None]
    head = f"{sum(row[3] is True for row in asked_for)} of {len(asked_for)} figures are met."
    head += f" **Missed: {'; '.join(missed)}.**" if missed else ""
    head += f" Not measured: {'; '.join(open_)}." if open_ else ""
    met = {True: "yes", False: "**no**", None: "-"}
    return "\n".join(
        [head, "", *table(("figure", "asked", "got", "met"), [(*row[:3], met[row[3]]) for row in asked_for])]
    )


def rows(result: Mapping[str, Any]) -> list[Row]:
    """One row a line of the table that was asked for."""
    figures = {name: section["figures"] for name, section in result["sections"].items()}
    ratios = figures["scoring"]["ratios"]
    built = figures["prompts"]["ms_per_prompt"]["ours"]
    gate, idle = figures["gate"], figures["idle"]
    unchanged = gate["exit_status"] == 0 and set(gate["verdicts"]) == {"passed"}
    passed = f"{gate['seconds']} s; " + ", ".join(f"{count} {status}" for status, count in gate["verdicts"].items())
    return [
        _at_least("scoring against the naive path, float32", 35, ratios.get("naive / ours, float32")),
        _at_least("the same, bfloat16 against the naive path in float32", 70, ratios.get("naive / ours, bfloat16")),
        _at_least("against `logits_to_keep=1`, float32", 2.5, ratios["logits_to_keep=1 / ours, float32"]),
        _at_least("against sentence-transformers, float32", 2, ratios["sentence-transformers / ours, float32"]),
        _at_most("whole path over its floor, float32", 1.5, ratios.get("ours / floor, float32")),
        _at_most("whole path over its floor, bfloat16", 1.5, ratios.get("ours / floor, bfloat16")),
        ("prompt building and tokenisation a prompt", "<= 0.05 ms", f"{built} ms", built <= 0.05),
        _at_least(
            "training step against full-sequence cross-entropy",
            15,
            figures["training"]["ratios"]["full-sequence cross-entropy / ours"],
        ),
        (
            "idle plugin on `pytest --collect-only`",
            "<= 10 ms",
            f"{idle['ms_added']} ms of CPU time (standard error {idle['ms_added_standard_error']})",
            idle["ms_added"] <= 10,
        ),
        ("`make gate`, verdicts unchanged", "<= 60 s", passed, unchanged and gate["seconds"] <= 60),
        *_gpu_rows(result.get("gpu")),
    ]


def _gpu_rows(gpu: Mapping[str, Any] | None) -> list[Row]:
    prompts, epoch = "H100, Qwen3-0.6B's shape, scoring", "H100, one LoRA epoch of 1,635 x 700 tokens"
    if gpu is None:
        return [(prompts, ">= 600 prompts/s", NOT_RUN, None), (epoch, "<= 12 s", NOT_RUN, None)]
    shape = gpu["shape_0_6b"]
    rate, seconds = shape["prompts_per_second"], shape["epoch"]["seconds"]
    return [
        (prompts, ">= 600 prompts/s", f"{rate} prompts/s ({gpu['device']})", rate >= 600),
        (epoch, "<= 12 s", f"{seconds} s ({gpu['device']})", seconds <= 12),
    ]


def _at_least(name: str, asked: float, got: Mapping[str, float] | None) -> Row:
    if got is None:
        return name, f">= {asked}x", "not run: the processor has no bfloat16", None
    return name, f">= {asked}x", _spread(got), got["median"] >= asked


def _at_most(name: str, asked: float, got: Mapping[str, float] | None) -> Row:
    if got is None:
        return name, f"<= {asked}", "not run: the processor has no bfloat16", None
    return name, f"<= {asked}", _spread(got), got["median"] <= asked


def _spread(got: Mapping[str, float]) -> str:
    return f"{got['median']:.3g} ({got['least']:.3g} to {got['greatest']:.3g})"


def _scoring(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## Scoring"
    yield ""
    yield (
        f"{figures['prompts']} prompts of {figures['shortest']} to {figures['longest']} tokens, N=50, on a random Qwen3 of "
        f"4 layers and hidden size 128 with 151,936 tokens; {figures['threads']} threads, {figures['rounds']} rounds. Every "
        "path goes from texts to scores, and its probabilities were compared with the naive path's first."
    )
    yield ""
    gaps = figures["greatest_probability_gap"]
    keep = figures["paths"]["logits_to_keep=1"]["ms_per_prompt"]
    naive = figures["paths"]["naive"]["ms_per_prompt"]
    yield from table(
        (
            "path",
            "ms a prompt",
            "prompts/s",
            "tokens/s",
            "naive / it",
            "`logits_to_keep=1` / it",
            "probability gap",
        ),
        [
            (
                name,
                f"{path['ms_per_prompt']}",
                f"{path['prompts_per_second']:,}",
                f"{path['tokens_per_second']:,}",
                f"{naive / path['ms_per_prompt']:.1f}",
                f"{keep / path['ms_per_prompt']:.2f}",
                f"{gaps[name]:.1e}" if name in gaps else "",
            )
            for name, path in figures["paths"].items()
        ],
    )
    yield ""
    yield (
        f"- *naive*: logits of every position, batches of {figures['batch']} padded to their longest, in the order given "
        "(LlamaRec's way)."
    )
    if figures["naive_in_bfloat16_ms_per_prompt"] is not None:
        half = figures["naive_in_bfloat16_ms_per_prompt"]
        ours = figures["paths"]["ours, bfloat16"]["ms_per_prompt"]
        yield (
            f"- The naive path on bfloat16 weights takes {half} ms a prompt, {half / ours:.1f} times as long as ours in "
            "bfloat16."
        )
    sorted_ = figures["ratios"]["logits_to_keep=1, sorted / ours, float32"]
    yield (
        f"- *`logits_to_keep=1`*: the same batches without the logits of other positions. Sorted by length first, as a careful "
        f"user would, it takes {_spread(sorted_)} times as long as ours."
    )
    yield "- *ours*: from tasks to scores, the ids of titles seen before come from the cache (see Prompts for new titles)."
    yield "- *sentence-transformers*: `CrossEncoder.predict` on the same weights and prompts, its own sorting and batches of 32."
    yield "- *ours, padded*: our reference, through the model's own modules, sorted, the last layer trimmed."
    yield "- *floor*: the matrix products and the attention of our path alone, on the same batches and threads."
    yield ""


def _training(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## Training"
    yield ""
    yield (
        f"A LoRA step (r=8 on the attention) on batches of {figures['batch']} of these prompts; {figures['threads']} threads, "
        f"{figures['rounds']} rounds of {figures['steps']} steps."
    )
    yield ""
    ours = figures["ms_per_step"]["ours"]
    yield from table(
        ("loss", "ms a step", "it / ours"),
        [(name, f"{taken}", f"{taken / ours:.1f}") for name, taken in figures["ms_per_step"].items()],
    )
    yield ""
    padding = figures["padding"]
    yield (
        f"The adapters' gradients differ from those through the full logits by {figures['greatest_gradient_gap']:.1e} of the "
        f"greatest. Of {padding['examples']:,} such prompts in batches of {padding['batch']}, padding is "
        f"{padding['in random order']:.1%} in random order and {padding['grouped by length']:.1%} grouped by length, which is "
        "what packing could still save."
    )
    yield ""


def _prompts(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## Prompts"
    yield ""
    yield (
        f"From tasks to packed tensors, {figures['tokens_per_prompt']:.0f} tokens and 50 candidates a prompt, Qwen's own "
        f"vocabulary; {figures['equal_to_plain_tokenisation']} of {figures['prompts']} prompts are equal to plain tokenisation."
    )
    yield ""
    yield from table(
        ("way", "ms a prompt"), [(name, f"{taken}") for name, taken in figures["ms_per_prompt"].items()]
    )
    yield ""


def _metrics(figures: Mapping[str, Any]) -> Iterator[str]:
    ours, peers = figures["one_target"]["float32"], figures["one_target_peers"]
    yield "## Metrics"
    yield ""
    yield (
        f"{len(figures['metrics'])} metrics of {figures['users']:,} users with {figures['candidates']} candidates in one pass. "
        "More users and several targets: [statistics.md](statistics.md)."
    )
    yield ""
    yield from table(
        ("by", "us a user", "its own input, us a user"),
        [
            ("ours", f"{ours['us_per_user']:.3f}", "0"),
            *(
                (name, f"{peers[f'{name}_us_per_user']:.2f}", f"{peers[f'{name}_input_us_per_user']:.2f}")
                for name in ("ranx", "pytrec_eval")
            ),
        ],
    )
    yield ""


def _idle(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## The plugin where it is not used"
    yield ""
    yield (
        f"`pytest --collect-only` on one empty test, {figures['rounds']} rounds, CPU time: {figures['ms_without']} ms without, "
        f"and {figures['ms_added']} ms more with the plugin (standard error {figures['ms_added_standard_error']}). A plugin that "
        f"is an empty file adds {figures['ms_added_by_an_empty_plugin']} ms. Neither numpy nor torch is imported (a test)."
    )
    yield ""


def _gate(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## The suite"
    yield ""
    verdicts = ", ".join(f"{count} {status}" for status, count in figures["verdicts"].items())
    yield (
        f"The packaged suite on the embedded target: {figures['seconds']} s from the start of pytest to its end, "
        f"{figures['training_seconds']} s of it training; {verdicts}."
    )
    yield ""


def _growth(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## Growth"
    yield ""
    yield "![Time and memory against N, prompt length and users](speed-growth.png)"
    yield ""
    yield "Exponents are slopes of log against log, of all points and of the three largest; each point in a process of its own."
    yield ""
    body = []
    for name, label in PANELS.items():
        curve = figures[name]
        first, last = curve["points"][0], curve["points"][-1]
        body.append(
            (
                label,
                f"{first['at']:,} to {last['at']:,}",
                f"{first['seconds']:.3g} to {last['seconds']:.3g}",
                f"{curve['exponent_of_time']}; {curve['exponent_of_time_at_the_top']}",
                f"{first['megabytes']} to {last['megabytes']}",
                f"{curve['exponent_of_memory_at_the_top']}",
            )
        )
    yield from table(("what grows", "from, to", "seconds", "exponent of time", "peak MB", "of memory"), body)
    yield ""


def _gpu(gpu: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## GPU"
    yield ""
    if gpu is None:
        yield f"{NOT_RUN.capitalize()}. `make gpu` measures it and writes gpu.json, which this page then shows."
        yield ""
        return
    shape = gpu["shape_0_6b"]
    yield f"{gpu['device']}, `{gpu['command']}`, torch {gpu['versions']['torch']}, CUDA {gpu['cuda']}."
    yield ""
    yield from table(
        ("figure", "got"),
        [
            ("prompts/s", f"{shape['prompts_per_second']} of {shape['tokens_per_prompt']} tokens"),
            ("tokens/s", f"{shape['tokens_per_second']:,}"),
            ("share of the card's measured matrix rate", f"{shape['share_of_matrix_rate']:.1%}"),
            ("LoRA epoch", f"{shape['epoch']['seconds']} s for {shape['epoch']['examples']:,} examples"),
        ],
    )
    yield ""


def _measured_on(sections: Mapping[str, Any]) -> Iterator[str]:
    yield "## Measured on"
    yield ""
    yield from table(
        ("section", "command", "seed", "seconds", "device", "load before"),
        [
            (
                name,
                f"`{section['command']}`",
                f"{section['seed']}",
                f"{section['seconds']}",
                section["device"],
                f"{section['load_average_before']}",
            )
            for name, section in sections.items()
        ],
    )
    yield ""
    versions = next(iter(sections.values()))["versions"]
    yield "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
