"""What is known of a check or a fault as a page; no example is executed, since its figures would differ by machine."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from rerank_guard.core.fault import Fault
from rerank_guard.faults.demonstration import Candidate
from rerank_guard.faults.explanation import CheckExplanation, FaultExplanation
from rerank_guard.faults.injector import Injector
from rerank_guard.report.selftest_command import selftest_command

__all__ = ["check_page", "fault_page", "needs_cell"]


def check_page(explained: CheckExplanation) -> str:
    """The page of one check."""
    check = explained.check
    lines = [
        f"# {check.name}",
        "",
        f"{check.claim[0].upper()}{check.claim[1:]}.",
        "",
        "| | |",
        "|---|---|",
        f"| stage | {_words(check.stage.folder)} |",
        f"| runs | {explained.runs}{', once a cutoff K' if check.per == 'cutoff' else ''} |",
        f"| needs | {needs_cell(explained)} |",
        f"| can name | {_fault_links(check.can_name)} |",
        f"| rules out when it passes | {_fault_links(check.rules_out)} |",
    ]
    lines += [f"| variant `{name}` | {_cell(variant.claim)} |" for name, variant in check.variants.items()]
    if explained.papers:
        lines.append(f"| source of the method | {_cell('; '.join(explained.papers))} |")
    lines += _settings(explained)
    lines += ["", "## How it decides", "", "```text", inspect.cleandoc(check.measure.__doc__ or ""), "```"]
    lines += ["", "## What to do", "", "| fault | fix |", "|---|---|"]
    lines += [f"| [{fault.name}](../faults/{fault.name}.md) | {_cell(fault.fix)} |" for fault in check.can_name]
    lines += ["", "## Examples", "", _command(check.name), ""]
    lines += _examples_of_check(explained)
    return "\n".join([*lines, ""])


def fault_page(explained: FaultExplanation) -> str:
    """The page of one fault."""
    fault = explained.fault
    rows = {
        "stage": _words(fault.stage.folder),
        "named by": _check_links(explained.named_by),
        "ruled out by": _check_links(explained.ruled_out_by),
        "what an unnamed failure looks like of": _check_links(explained.looks_of),
        "easily confused with": _fault_names(sorted(fault.confused_with)),
        "may entail": _fault_names(explained.consequences),
        "a symptom": "yes: the name says how the figures look, not what is wrong" if fault.symptom else "no",
    }
    return "\n".join(
        [
            f"# {fault.name}",
            "",
            fault.what,
            "",
            f"**Fix.** {fault.fix}",
            "",
            "| | |",
            "|---|---|",
            *(f"| {label} | {_cell(text)} |" for label, text in rows.items()),
            "",
            *_injecting_and_examples(explained),
            "",
        ]
    )


def needs_cell(explained: CheckExplanation) -> str:
    """The methods that a check needs beside tasks() and score(tasks), and what the run has to be given."""
    return ", ".join(
        [
            *(f"`{method}`" for method in explained.methods),
            *(["`--rerank-reference FILE`"] if explained.needs_reference else []),
        ]
    )


def _settings(explained: CheckExplanation) -> Iterator[str]:
    if explained.settings:
        yield from ("", "## Settings", "", "| setting | default | allowed | what it is |", "|---|---|---|---|")
    for each in explained.settings:
        setting = each.setting
        yield f"| `{setting.name}` | `{setting.default!r}` | {setting.allowed} | {_cell(each.text)} |"


def _injecting_and_examples(explained: FaultExplanation) -> list[str]:
    first = next(explained.candidates(), None)
    if first is None:
        return ["No check names it: a diagnosis lists it among what else fits."]
    return [
        "## How to inject it",
        "",
        *_injecting(explained.injectors),
        "",
        "## Examples",
        "",
        _command(explained.fault.name),
        "",
        f"Tried first by [{first.check}](../checks/{first.check}.md): {first.what}.",
    ]


def _injecting(injectors: Sequence[Injector]) -> Iterator[str]:
    if not injectors:
        yield "No injector does; the example shows it."
        return
    yield from ("| id | what is broken | |", "|---|---|---|")
    for each in injectors:
        notes = [
            *(["trains a copy"] if each.retrains else []),
            *(["seen beside a reference run"] if each.needs_reference else []),
        ]
        yield f"| `{each.id}` | {_cell(each.what)} | {', '.join(notes)} |"
    yield from ("", "```sh", selftest_command(injectors), "```")


def _command(name: str) -> str:
    return f"`rerank-guard explain {name}` executes a failing and a passing example, and shows both verdicts."


def _examples_of_check(explained: CheckExplanation) -> Iterator[str]:
    """One line for each fault: what is tried first to show it."""
    first: dict[str, Candidate] = {}
    for candidate in explained.candidates():
        first.setdefault(candidate.fault.name, candidate)
    yield "It passes on a small healthy reranker, or where nothing is wrong. What may make it fail:"
    yield ""
    for name, candidate in first.items():
        yield f"- {name}: {candidate.what}"


def _fault_links(faults: Sequence[Fault]) -> str:
    return ", ".join(f"[{fault.name}](../faults/{fault.name}.md)" for fault in faults) or "-"


def _fault_names(names: Sequence[str]) -> str:
    return ", ".join(f"[{name}]({name}.md)" for name in names) or "-"


def _check_links(names: Sequence[str]) -> str:
    return ", ".join(f"[{name}](../checks/{name}.md)" for name in names) or "-"


def _words(folder: str) -> str:
    return folder.replace("_", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
