"""Healthy prompt layouts, tasks with odd titles, and what is asserted of every verdict on prompts."""

from __future__ import annotations

from dataclasses import replace

from guard.builders import LETTERS
from guard.lettered_prompts import film_tasks, prompt_text
from rerank_guard.core.finding import Strength
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status


def judged(verdict, fault):
    """The fault is named first, with evidence and words for a reader; for None, the verdict passes without any."""
    assert verdict.fault == fault, verdict
    assert (verdict.status is Status.FAILED) == (fault is not None), verdict
    assert verdict.p_failed in (None, 1.0) or fault == "prompt-leak", "other findings are exact"
    assert bool(verdict.cause) == bool(verdict.next_step) == bool(verdict.evidence) == (fault is not None), verdict
    assert all(suspected.strength is Strength.SEEN for suspected in verdict.suspects)
    decides = next(iter(verdict.measured))
    assert verdict.threshold == {decides: 0}
    assert verdict.signs == {decides: "<="}
    assert verdict.affected.of == verdict.n
    assert bool(verdict.affected.n) == (fault is not None)
    return verdict


def reversed_order(task):
    return prompt_text(replace(task, candidates=task.candidates[::-1]))


def history_below(task):
    past = "\n".join(item.text for item in task.history)
    offered = "\n".join(f"{LETTERS[position]}. {item.text}" for position, item in enumerate(task.candidates))
    return f"Candidates:\n{offered}\nThe user liked:\n{past}\nAnswer:"


def in_one_line(task):
    offered = ", ".join(f"{LETTERS[position]}) {item.text}" for position, item in enumerate(task.candidates))
    return f"Liked: {'; '.join(item.text for item in task.history)}. Choose one of {offered}. Answer:"


def as_json(task):
    return (
        "{" + ", ".join(f'"{LETTERS[p]}": "{item.text}"' for p, item in enumerate(task.candidates)) + "}\nAnswer:"
    )


def titles_changed(task, change):
    """The task's prompt with every candidate's title changed."""
    return prompt_text(replace(task, candidates=tuple(Item(i.item_id, change(i.text)) for i in task.candidates)))


HEALTHY_LAYOUTS = {
    **{
        repr(between): (lambda task, between=between: prompt_text(task, between=between))
        for between in (". ", ") ", ": ", " ", " - ", " = ", "\n", ":\n", "] ", " -> ")
    },
    "(A)": lambda task: prompt_text(task, letters=[f"({x}" for x in LETTERS], between=") "),
    "[A]": lambda task: prompt_text(task, letters=[f"[{x}" for x in LETTERS], between="] "),
    "**A**:": lambda task: prompt_text(task, letters=[f"- **{x}" for x in LETTERS], between="**: "),
    "range of letters": lambda task: prompt_text(
        task, tail=f"Which of these {task.n_candidates}?\nAnswer (A-{LETTERS[task.n_candidates - 1]}):"
    ),
    "letters listed": lambda task: prompt_text(
        task, tail=f"One of {', '.join(LETTERS[: task.n_candidates])}?\nAnswer:"
    ),
    "upper case": lambda task: titles_changed(task, str.upper),
    "without the years": lambda task: titles_changed(task, lambda text: text[:-7]),
    "with a genre": lambda task: titles_changed(task, lambda text: f"{text} - drama"),
    "history below": history_below,
    "in one line": in_one_line,
    "json": as_json,
    "no end": lambda task: prompt_text(task, tail=""),
    "user in the end": lambda task: prompt_text(task, tail=f"What does {task.query_id} take?"),
    "block twice": lambda task: prompt_text(task) + prompt_text(task),
    "example first": lambda task: prompt_text(film_tasks(1, seed=9)[0]) + "A\n" + prompt_text(task),
}


def odd_tasks():
    """Titles within titles, equal ones, blank ones, one-word ones; history that repeats candidates; two candidates."""
    titles = (
        "Heat",
        "Heat Wave",
        "Heat",
        "A",
        "I",
        "B. Movie",
        "It",
        "A. Heat",
        "Heat Wave Two",
        "日本",
        "100% (2001)",
    )
    items = tuple(Item(str(place), title) for place, title in enumerate(titles))
    task = film_tasks(1)[0]
    return [
        replace(task, query_id="all", candidates=items, history=items[:4]),
        replace(task, query_id="two", candidates=items[:2], history=()),
        replace(task, query_id="reverse", candidates=items[::-1], history=items[::-1]),
        replace(task, query_id="blank", candidates=(*items[:3], Item("99", ""), Item("98", "  "))),
    ]
