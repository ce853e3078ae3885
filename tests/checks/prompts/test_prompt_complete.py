"""prompt_complete: healthy prompts in many layouts pass; lost and mixed up candidates are named."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from guard.builders import LETTERS
from guard.lettered_prompts import TAIL, Words, film_tasks, letter_table, prompt_text, scoring_prompt, short_task
from guard.prompt_layouts import HEALTHY_LAYOUTS, judged, odd_tasks, reversed_order, titles_changed
from rerank_guard.checks.prompts.prompt_complete import prompt_complete
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status


def complete(text_of, tasks=None, *, short=True, n_letters=26, **settings):
    words, tasks = Words(), tasks or film_tasks()
    prompts = [scoring_prompt(task, words, text_of(task)) for task in tasks]
    short_prompt = scoring_prompt(tasks[0], words, text_of(short_task(tasks[0]))) if short else None
    return prompt_complete(prompts, tasks, letter_table(words, n_letters), short_prompt, **settings)


@pytest.mark.parametrize("layout", HEALTHY_LAYOUTS)
def test_healthy_layouts_pass(layout):
    verdict = judged(complete(HEALTHY_LAYOUTS[layout]), None)
    assert verdict.measured["candidates_found"] == 72
    assert verdict.measured["candidates_lost"] == 0


@pytest.mark.parametrize("layout", ["'. '", "range of letters", "history below", "block twice", "user in the end"])
def test_the_shortest_whole_prompt_shows_the_end_where_no_short_one_is_given(layout):
    verdict = judged(complete(HEALTHY_LAYOUTS[layout], short=False), None)
    assert verdict.measured["end_compared"]


def test_a_prompt_without_an_end_has_none_to_compare():
    assert not complete(HEALTHY_LAYOUTS["no end"]).measured["end_compared"]


def test_letters_behind_titles_are_read_or_not_judged():
    verdict = complete(lambda t: ", ".join(f"{i.text} ({LETTERS[p]})" for p, i in enumerate(t.candidates)) + "?")
    assert judged(verdict, None).measured["candidates_found"] == 72


@pytest.mark.parametrize(
    "layout",
    [
        lambda task: " ".join(
            f'{{"label": "{LETTERS[p]}", "title": "{item.text}"}}' for p, item in enumerate(task.candidates)
        ),
        lambda task: prompt_text(
            replace(task, candidates=tuple(Item("", item.item_id) for item in task.candidates))
        ),
    ],
)
def test_prompts_that_cannot_be_read_are_not_judged(layout):
    verdict = complete(layout)
    assert verdict.status is Status.NOT_APPLICABLE
    assert verdict.measured == {"candidates_found": 0, "candidates": 72}
    assert verdict.n == 12
    assert verdict.cause
    assert verdict.next_step


@pytest.mark.parametrize(("min_found", "status"), [(0.4, Status.FAILED), (0.5, Status.NOT_APPLICABLE)])
def test_more_than_min_found_of_the_candidates_must_be_found(min_found, status):
    """Every other prompt shows ids instead of titles."""
    tasks = film_tasks(2)
    ids = replace(tasks[0], candidates=tuple(Item("", item.item_id) for item in tasks[0].candidates))
    verdict = complete(
        lambda task: prompt_text(ids if task is tasks[0] else task, tail=""),
        tasks,
        short=False,
        min_found=min_found,
    )
    assert verdict.status is status
    assert verdict.measured["candidates_found"] == 6


@pytest.mark.parametrize("layout", ["'. '", "'\\n'", "(A)", "history below"])
def test_odd_titles_pass(layout):
    judged(complete(HEALTHY_LAYOUTS[layout], odd_tasks(), short=False), None)


def test_numbered_histories_and_digits_for_letters_pass():
    words, tasks = Words(), film_tasks()
    digits = [str(number + 1) for number in range(6)]
    table = letter_table(words, 6)
    table = replace(table, letters=tuple(replace(x, letter=d) for x, d in zip(table.letters, digits, strict=True)))

    def text(task):
        past = "".join(f"{place + 1}. {item.text}\n" for place, item in enumerate(task.history))
        return f"Liked:\n{past}Candidates:\n" + prompt_text(task, head="", letters=digits).split("Candidates:\n")[1]

    prompts = [scoring_prompt(task, words, text(task)) for task in tasks]
    judged(prompt_complete(prompts, tasks, table), None)
    lost = [scoring_prompt(task, words, text(replace(task, candidates=task.candidates[:4]))) for task in tasks]
    verdict = judged(prompt_complete(lost, tasks, table), "prompt-truncated")
    assert verdict.measured["candidates_lost"] == 24


@pytest.mark.parametrize(("kept", "reworded"), [(8, 0), (7, 72)])
def test_titles_shortened_on_purpose_are_found_and_shorter_ones_are_another_wording(kept, reworded):
    verdict = complete(lambda task: titles_changed(task, lambda text: text.replace(" ", "")[:kept] + "..."))
    assert verdict.measured.get("reworded_candidates", 72) == reworded
    assert verdict.status is (Status.NOT_APPLICABLE if reworded else Status.PASSED)


def test_reworded_titles_are_counted():
    first = film_tasks()[0].candidates[0].text
    verdict = judged(complete(lambda task: prompt_text(task).replace(first, "A film")), None)
    assert verdict.measured["reworded_candidates"] == 1


CUT = [
    lambda task: prompt_text(replace(task, candidates=task.candidates[:-1])),
    lambda task: prompt_text(replace(task, candidates=task.candidates[:2])),
    lambda task: prompt_text(task)[-170:],  # cut on the left
    lambda task: prompt_text(task)[:-5],
    lambda task: prompt_text(task)[:-1],
    lambda task: prompt_text(task)[: prompt_text(task).index("Which") + 9],
    lambda task: prompt_text(task)[: prompt_text(task).index("F. ") + 6],
    lambda task: prompt_text(task, tail=TAIL.replace("Which one comes next? ", "")),
    lambda task: prompt_text(task, tail=TAIL[TAIL.index("<|im_end|>") :]),
    lambda task: prompt_text(task, tail=""),
]


def cut_in(users, cut):
    """The verdict where the prompts of the first users are cut, and the short prompt is whole."""
    tasks = film_tasks()
    broken = {task.query_id for task in tasks[:users]}

    def text(task):
        return cut(task) if task.query_id in broken and task.n_candidates > 2 else prompt_text(task)

    return complete(text, tasks)


@pytest.mark.parametrize("cut", CUT)
def test_one_prompt_that_is_cut_is_named(cut):
    verdict = judged(cut_in(1, cut), "prompt-truncated")
    assert verdict.measured["broken_prompts"] == 1
    assert "'u0'" in verdict.evidence[0]


@pytest.mark.parametrize("cut", [CUT[1], CUT[3], CUT[7]])
def test_prompts_that_are_all_cut_are_named(cut):
    verdict = judged(cut_in(12, cut), "prompt-truncated")
    assert verdict.measured["broken_prompts"] == 12
    assert len(verdict.evidence) == 5


@pytest.mark.parametrize("cut", [40, 80])
def test_prompts_cut_to_a_length_are_named(cut):
    words, tasks = Words(), film_tasks(history=0)
    prompts = [scoring_prompt(task, words, cut=cut) for task in tasks]
    assert all(len(prompt.token_ids) == cut for prompt in prompts)
    short = scoring_prompt(tasks[0], words, prompt_text(short_task(tasks[0])))
    judged(prompt_complete(prompts, tasks, letter_table(words), short), "prompt-truncated")


def test_a_title_that_begins_another_is_not_found_in_it():
    task = film_tasks(1)[0]
    names = ("Heat", "Heat Wave", "Heat Wave Two", "Up")
    items = tuple(Item(str(place), name) for place, name in enumerate(names))
    task = replace(task, candidates=items, history=(), target_id="0", target_index=0)
    verdict = complete(lambda task: prompt_text(task).replace("A. Heat\n", ""), [task], short=False)
    assert judged(verdict, "prompt-truncated").measured["candidates_lost"] == 1
    assert "A 'Heat'" in verdict.evidence[0]


@pytest.mark.parametrize(("tail", "fault"), [("Answer:", None), ("answer:", "prompt-truncated")])
def test_the_last_line_is_compared_from_its_first_character(tail, fault):
    words, tasks = Words(), film_tasks()
    short = scoring_prompt(tasks[0], words, prompt_text(short_task(tasks[0]), tail="Answer:"))
    prompts = [scoring_prompt(task, words, prompt_text(task, tail=tail)) for task in tasks]
    judged(prompt_complete(prompts, tasks, letter_table(words), short), fault)


def rotated(task):
    return prompt_text(replace(task, candidates=(*task.candidates[1:], task.candidates[0])))


MIXED = {
    "rotated": rotated,
    "reversed": reversed_order,
    "letters from B": lambda task: prompt_text(task, letters=LETTERS[1:]),
    "no letters": lambda task: prompt_text(task, letters=["-"] * 26, between=" "),
    "lines reversed": lambda task: "\n".join(
        f"{LETTERS[p]}. {item.text}" for p, item in reversed(list(enumerate(task.candidates)))
    ),
}


@pytest.mark.parametrize(
    ("name", "without_own"),
    [("rotated", 72), ("reversed", 72), ("letters from B", 72), ("no letters", 72), ("lines reversed", 0)],
)
def test_letters_before_other_candidates_are_named(name, without_own):
    verdict = judged(complete(MIXED[name], short=False), "letter-candidate-mismatch")
    assert verdict.measured["candidates_without_own_letter"] == without_own
    assert ("'B'" in verdict.evidence[0]) == (name == "letters from B")  # the first candidate's letter
    assert verdict.measured["broken_prompts"] == 12


@pytest.mark.parametrize("name", ["rotated", "no letters"])
def test_letters_before_other_candidates_are_named_with_a_short_prompt(name):
    judged(complete(MIXED[name]), "letter-candidate-mismatch")


@pytest.mark.parametrize(
    ("n_cut", "n_mixed", "first"),
    [(3, 2, "prompt-truncated"), (2, 3, "letter-candidate-mismatch"), (2, 2, "prompt-truncated")],
)
def test_the_fault_of_more_prompts_is_named_first_and_cuts_in_a_draw(n_cut, n_mixed, first):
    def text(task):
        number = int(task.query_id[1:])
        if task.n_candidates == 2 or number >= n_cut + n_mixed:
            return prompt_text(task)
        return prompt_text(task)[:-5] if number < n_cut else rotated(task)

    verdict = judged(complete(text), first)
    assert verdict.measured["broken_prompts"] == n_cut + n_mixed
    assert {suspected.fault.name for suspected in verdict.suspects} == {
        "prompt-truncated",
        "letter-candidate-mismatch",
    }
    assert len(verdict.evidence) == min(5, n_cut + n_mixed)
    assert ("'u0'" in verdict.evidence[0]) == (first == "prompt-truncated")


def test_more_candidates_than_letters_are_left_to_the_letters_check():
    verdict = judged(complete(prompt_text, n_letters=4), None)
    assert verdict.measured["candidates_found"] == 48


def test_prompts_of_other_tasks_are_an_error():
    words, tasks = Words(), film_tasks()
    prompts = [scoring_prompt(task, words) for task in tasks]
    with pytest.raises(InvalidTaskError, match="place 0"):
        prompt_complete(prompts[::-1], tasks, letter_table(words))
    with pytest.raises(InvalidTaskError, match="no prompts"):
        prompt_complete([], [], letter_table(words))


def test_a_hundred_prompts_of_fifty_take_a_moment():
    """About 0.1 s; without a bound on the search each title costs a pass over all lines."""
    words, tasks = Words(), film_tasks(100, 50, history=20)
    prompts = [scoring_prompt(task, words) for task in tasks]
    started = time.process_time()
    judged(prompt_complete(prompts, tasks, letter_table(words, 50)), None)
    assert time.process_time() - started < 3.0
