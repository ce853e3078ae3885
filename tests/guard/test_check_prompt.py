"""The checks of the prompt: sound twins in many layouts pass, each saboteur is named."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import LETTERS
from guard.lettered_prompts import (
    HEAD,
    PLAIN_PIECES,
    TAIL,
    Words,
    film_tasks,
    letter_table,
    moved_target,
    prompt_text,
    scoring_prompt,
    short_task,
    training_prompt,
)
from rerank_guard.checks.prompt import (
    check_letter_read_last,
    check_prompt_blind_to_target,
    check_prompt_complete,
    check_prompt_not_forged,
    check_prompts_match,
)
from rerank_guard.errors import InvalidTaskError
from rerank_guard.hostile import harmless_twin, hostile_tasks
from rerank_guard.types import Item
from rerank_guard.verdict import Status


def judged(verdict, fault):
    """The fault is named, with what a reader needs; or, for None, the twin passes in silence."""
    assert verdict.fault == fault, verdict
    assert (verdict.status is Status.FAILED) == (fault is not None), verdict
    assert verdict.p_failed is None
    assert bool(verdict.cause) == bool(verdict.next_step) == bool(verdict.evidence) == (fault is not None), verdict
    return verdict


# prompts_match


def matched(text_of_training, text_of_scoring, tasks=None):
    words, tasks = Words(), tasks or film_tasks()
    return check_prompts_match(
        [training_prompt(task, words, text_of_training(task)) for task in tasks],
        [scoring_prompt(task, words, text_of_scoring(task)) for task in tasks],
    )


def other_order(task):
    return prompt_text(replace(task, candidates=task.candidates[::-1]))


def test_equal_prompts_match():
    assert judged(matched(prompt_text, prompt_text), None).measured == {
        "differing_prompts": 0,
        "earliest_difference": None,
    }


@pytest.mark.parametrize(
    ("change", "guess"),
    [
        (lambda t: prompt_text(t, newest=1), "history"),
        (lambda t: prompt_text(t, head="<|im_start|>system\nYou rank.<|im_end|>\n" + HEAD), "system turn"),
        (lambda t: prompt_text(t, tail=TAIL.replace("<think>\n\n</think>\n\n", "")), "think block"),
        (lambda t: prompt_text(t, tail=TAIL[:-1]), "blank lines"),
        (lambda t: prompt_text(t, tail=TAIL + " "), "trailing space"),
        (lambda t: prompt_text(t, head=HEAD.replace("user\n", "user\n\n")), "blank lines"),
        (lambda t: prompt_text(t, between=".  "), "spaces"),
        (other_order, "another order"),
        (lambda t: prompt_text(t, between=") "), "other words"),
        (lambda t: prompt_text(t, tail=""), "prompt"),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_prompts_that_differ_are_named_with_what_differs(change, guess, swapped):
    tasks = [task for task in film_tasks(30) if len(task.history) > 1]
    pair = (change, prompt_text) if swapped else (prompt_text, change)
    verdict = judged(matched(*pair, tasks=tasks), "prompt-skew")
    assert verdict.measured["differing_prompts"] == len(tasks)
    if not (guess == "prompt" or swapped):
        assert guess in verdict.cause, verdict.cause
    assert "token " in verdict.evidence[0]


def test_one_differing_prompt_is_found():
    tasks = film_tasks()
    verdict = matched(prompt_text, lambda task: prompt_text(task, between=") " if task.query_id == "u7" else ". "))
    assert judged(verdict, "prompt-skew").measured["differing_prompts"] == 1
    assert "'u7'" in verdict.evidence[0]
    assert len(tasks) > 7


def test_the_same_text_in_other_ids_is_skew():
    words, task = Words(), film_tasks(1)[0]
    apart = words.encode(prompt_text(task), PLAIN_PIECES)
    scored = replace(scoring_prompt(task, words), token_ids=apart, read_position=len(apart) - 1)
    assert (
        "tokenised apart"
        in judged(check_prompts_match([training_prompt(task, words)], [scored]), "prompt-skew").cause
    )


def test_places_that_differ_are_told_from_prompts_that_differ():
    words, tasks = Words(), film_tasks()
    training = [training_prompt(task, words) for task in tasks]
    scoring = [scoring_prompt(task, words) for task in tasks]
    early = [replace(prompt, read_position=prompt.read_position - 2) for prompt in scoring]
    judged(check_prompts_match(training, early), "wrong-logit-position")
    masked = [replace(prompt, answer_position=0) for prompt in training]
    judged(check_prompts_match(masked, scoring), "loss-mask-wrong")
    judged(check_prompts_match([replace(p, supervised=()) for p in masked], scoring), "letter-not-supervised")


def test_lists_of_other_tasks_are_an_error():
    words, tasks = Words(), film_tasks()
    scoring = [scoring_prompt(task, words) for task in tasks]
    with pytest.raises(InvalidTaskError, match=r"place 0 is query 'u0'.*'u11'"):
        check_prompts_match([training_prompt(task, words) for task in tasks], scoring[::-1])
    with pytest.raises(InvalidTaskError, match="12 scoring"):
        check_prompts_match([], scoring)
    with pytest.raises(InvalidTaskError, match="no training prompts"):
        check_prompts_match([], [])


# letter_read_last


def test_the_letter_is_read_last():
    words, tasks = Words(), film_tasks()
    prompts = [scoring_prompt(task, words) for task in tasks]
    judged(check_letter_read_last(prompts), None)
    prompts[3] = replace(prompts[3], read_position=prompts[3].read_position - 4)
    verdict = judged(check_letter_read_last(prompts), "wrong-logit-position")
    assert verdict.measured == {"broken_prompts": 1, "tokens_too_early": 4}
    assert "'u3'" in verdict.evidence[0]
    with pytest.raises(InvalidTaskError, match="no prompts"):
        check_letter_read_last([])


# prompt_complete


def complete(text_of, tasks=None, *, reference=True, cut=None, n_letters=26):
    words, tasks = Words(), tasks or film_tasks()
    prompts = [scoring_prompt(task, words, text_of(task), cut=cut) for task in tasks]
    short = scoring_prompt(tasks[0], words, text_of(short_task(tasks[0]))) if reference else None
    return check_prompt_complete(prompts, tasks, letter_table(words, n_letters), short)


def history_below(task):
    past = "\n".join(item.text for item in task.history)
    offered = "\n".join(f"{LETTERS[slot]}. {item.text}" for slot, item in enumerate(task.candidates))
    return f"Candidates:\n{offered}\nThe user liked:\n{past}\nAnswer:"


def in_one_line(task):
    offered = ", ".join(f"{LETTERS[slot]}) {item.text}" for slot, item in enumerate(task.candidates))
    return f"Liked: {'; '.join(item.text for item in task.history)}. Choose one of {offered}. Answer:"


def as_json(task):
    return (
        "{" + ", ".join(f'"{LETTERS[s]}": "{item.text}"' for s, item in enumerate(task.candidates)) + "}\nAnswer:"
    )


SOUND_LAYOUTS = {
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
    "upper case": lambda task: prompt_text(
        replace(task, candidates=tuple(Item(i.item_id, i.text.upper()) for i in task.candidates))
    ),
    "without the years": lambda task: prompt_text(
        replace(task, candidates=tuple(Item(i.item_id, i.text[:-7]) for i in task.candidates))
    ),
    "with a genre": lambda task: prompt_text(
        replace(task, candidates=tuple(Item(i.item_id, f"{i.text} - drama") for i in task.candidates))
    ),
    "history below": history_below,
    "in one line": in_one_line,
    "json": as_json,
    "no end": lambda task: prompt_text(task, tail=""),
    "user in the end": lambda task: prompt_text(task, tail=f"What does {task.query_id} take?"),
    "block twice": lambda task: prompt_text(task) + prompt_text(task),
    "example first": lambda task: prompt_text(film_tasks(1, seed=9)[0]) + "A\n" + prompt_text(task),
}


@pytest.mark.parametrize("layout", SOUND_LAYOUTS)
@pytest.mark.parametrize("reference", [True, False])
def test_sound_layouts_pass(layout, reference):
    verdict = complete(SOUND_LAYOUTS[layout], reference=reference)
    assert verdict.status is Status.PASSED, verdict
    assert verdict.measured["candidates_found"] == 72


def test_letters_behind_titles_or_none_of_the_titles_cannot_be_judged():
    behind = complete(
        lambda task: ", ".join(f"{i.text} ({LETTERS[s]})" for s, i in enumerate(task.candidates)) + "?"
    )
    assert behind.status in (Status.PASSED, Status.NOT_APPLICABLE), behind
    apart = complete(
        lambda task: " ".join(
            f'{{"label": "{LETTERS[s]}", "title": "{i.text}"}}' for s, i in enumerate(task.candidates)
        )
    )
    ids = complete(
        lambda task: prompt_text(replace(task, candidates=tuple(Item("", i.item_id) for i in task.candidates)))
    )
    for verdict in (apart, ids):
        assert verdict.status is Status.NOT_APPLICABLE, verdict
        assert verdict.cause


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


@pytest.mark.parametrize("layout", ["'. '", "'\\n'", "(A)", "history below"])
def test_odd_titles_pass(layout):
    verdict = complete(SOUND_LAYOUTS[layout], odd_tasks(), reference=False)
    assert verdict.status is Status.PASSED, verdict


def test_numbered_histories_and_digits_for_letters_pass():
    words, tasks = Words(), film_tasks()
    digits = [str(number + 1) for number in range(6)]
    table = replace(letter_table(words, 6))
    table = replace(table, letters=tuple(replace(x, letter=d) for x, d in zip(table.letters, digits, strict=True)))

    def text(task):
        past = "".join(f"{place + 1}. {item.text}\n" for place, item in enumerate(task.history))
        return f"Liked:\n{past}Candidates:\n" + prompt_text(task, head="", letters=digits).split("Candidates:\n")[1]

    prompts = [scoring_prompt(task, words, text(task)) for task in tasks]
    assert check_prompt_complete(prompts, tasks, table).status is Status.PASSED
    lost = [scoring_prompt(task, words, text(replace(task, candidates=task.candidates[:4]))) for task in tasks]
    judged(check_prompt_complete(lost, tasks, table), "prompt-truncated")


def shortened(task):
    return prompt_text(
        replace(task, candidates=tuple(Item(i.item_id, i.text[:10] + "...") for i in task.candidates))
    )


def test_titles_shortened_on_purpose_pass_and_reworded_ones_are_counted():
    assert complete(shortened).status is Status.PASSED
    first = film_tasks()[0].candidates[0].text
    verdict = complete(lambda task: prompt_text(task).replace(first, "A film"))
    assert verdict.status is Status.PASSED
    assert verdict.measured["reworded_candidates"] == 1


@pytest.mark.parametrize(
    "saboteur",
    [
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
    ],
)
@pytest.mark.parametrize("users", [1, 12])
def test_truncation_is_named(saboteur, users):
    tasks = film_tasks()
    broken = {task.query_id for task in tasks[:users]}
    sound = {task.query_id: task.n_candidates for task in tasks}

    def text(task):
        return (
            saboteur(task)
            if task.query_id in broken and task.n_candidates == sound[task.query_id]
            else prompt_text(task)
        )

    verdict = judged(complete(text, tasks), "prompt-truncated")
    assert verdict.measured["broken_prompts"] == users
    assert "'u0'" in verdict.evidence[0]


@pytest.mark.parametrize("cut", [40, 60, 70, 80])
def test_prompts_cut_to_a_length_are_named(cut):
    words, tasks = Words(), film_tasks(history=0)
    prompts = [scoring_prompt(task, words, cut=cut) for task in tasks]
    assert all(len(prompt.token_ids) == cut for prompt in prompts)
    reference = scoring_prompt(tasks[0], words, prompt_text(short_task(tasks[0])))
    judged(check_prompt_complete(prompts, tasks, letter_table(words), reference), "prompt-truncated")


def rotated(task):
    return prompt_text(replace(task, candidates=(*task.candidates[1:], task.candidates[0])))


@pytest.mark.parametrize(
    "saboteur",
    [
        rotated,
        other_order,
        lambda task: prompt_text(task, letters=LETTERS[1:]),
        lambda task: prompt_text(task, letters=["-"] * 26, between=" "),
        lambda task: "\n".join(
            f"{LETTERS[slot]}. {item.text}" for slot, item in reversed(list(enumerate(task.candidates)))
        ),
    ],
)
@pytest.mark.parametrize("reference", [False, True])
def test_letters_before_other_candidates_are_named(saboteur, reference):
    judged(complete(saboteur, reference=reference), "letter-candidate-mismatch")


def test_more_candidates_than_letters_are_left_to_the_letters_check():
    verdict = complete(prompt_text, n_letters=4)
    assert verdict.status is Status.PASSED
    assert verdict.measured["candidates_found"] == 48


def test_hundreds_of_prompts_of_fifty_take_a_moment():
    words, tasks = Words(), film_tasks(300, 50, history=20)
    prompts = [scoring_prompt(task, words) for task in tasks]
    started = time.perf_counter()
    verdict = check_prompt_complete(prompts, tasks, letter_table(words, 50))
    assert verdict.status is Status.PASSED
    assert time.perf_counter() - started < 4.0


# prompt_blind_to_target


def blind(text_of, tasks=None, make=scoring_prompt):
    words, tasks = Words(), tasks or film_tasks(40)
    prompts = [make(task, words, text_of(task)) for task in tasks]
    moved = [make(moved_target(task), words, text_of(moved_target(task))) for task in tasks]
    return check_prompt_blind_to_target(prompts, moved, tasks)


def target_of(task):
    return next(item.text for item in task.candidates if item.item_id == task.target_id)


@pytest.mark.parametrize("make", [scoring_prompt, training_prompt])
@pytest.mark.parametrize("layout", ["'. '", "in one line", "history below", "json", "block twice"])
def test_prompts_without_the_answer_pass(layout, make):
    judged(blind(SOUND_LAYOUTS[layout], make=make), None)


@pytest.mark.parametrize("make", [scoring_prompt, training_prompt])
@pytest.mark.parametrize(
    "saboteur",
    [
        lambda task: prompt_text(task, head=f"Hint: {target_of(task)}\n{HEAD}"),
        lambda task: prompt_text(task, tail=f"Hint: {target_of(task)}\n{TAIL}"),
        lambda task: prompt_text(task, tail=f"(slot {task.target_index})\n{TAIL}"),
        lambda task: prompt_text(task).replace(target_of(task), target_of(task) + "*"),
    ],
)
def test_prompts_made_from_the_target_are_named(saboteur, make):
    verdict = judged(blind(saboteur, make=make), "prompt-leak")
    assert verdict.measured["changed_with_the_target"] == 40


@pytest.mark.parametrize("where", ["head", "tail"])
@pytest.mark.parametrize(("users", "fault"), [(40, "prompt-leak"), (4, "prompt-leak"), (2, None)])
def test_answers_written_into_the_data_are_named(users, fault, where):
    """The title stands there whichever candidate is declared the target, as in a profile made from later reviews."""
    tasks = [task for task in film_tasks(60) if task.target_index < 5][:40]
    leaked = {task.query_id: target_of(task) for task in tasks[:users]}

    def text(task):
        hint = f"The user wrote of {leaked.get(task.query_id, 'nothing')}.\n"
        return prompt_text(task, **{where: hint + {"head": HEAD, "tail": TAIL}[where]})

    verdict = judged(blind(text, tasks), fault)
    assert verdict.measured["targets_named_outside_the_list"] == users
    assert verdict.measured["changed_with_the_target"] == 0


@pytest.mark.parametrize(("whose", "fault"), [("target", "prompt-leak"), ("first", None), ("user", None)])
def test_a_targets_id_in_the_prompt_is_as_good_as_its_title(whose, fault):
    """Such as a query_id that was made of user and target, and is printed."""

    def text(task):
        said = {"target": task.target_id, "first": task.candidates[0].item_id, "user": task.query_id}[whose]
        return prompt_text(task, head=f"Request {asked[task.query_id] if whose == 'target' else said}\n{HEAD}")

    tasks = [replace(task, query_id=f"u{place} of 40") for place, task in enumerate(film_tasks(40))]
    asked = {task.query_id: task.target_id for task in tasks}
    judged(blind(text, tasks), fault)


def test_a_template_that_names_popular_films_accuses_nobody():
    """Every target is one of three popular films, which the template's example names; the negatives hardly ever are."""
    popular = [Item(f"p{place}", title) for place, title in enumerate(("Star Wars", "Fargo", "Contact"))]
    tasks = []
    for place, task in enumerate(film_tasks(60)):
        candidates = list(task.candidates)
        candidates[task.target_index] = popular[place % 3]
        tasks.append(replace(task, candidates=tuple(candidates), target_id=popular[place % 3].item_id))
    head = "For example, one who liked Star Wars and Fargo may take Contact.\n" + HEAD
    judged(blind(lambda task: prompt_text(task, head=head), tasks), None)


def test_history_and_titles_within_titles_accuse_nobody():
    """Each target is in the user's history as well, and a part of a longer title there."""
    tasks = []
    for task in film_tasks(40):
        longer = Item("longer", f"{target_of(task)} Returns")
        target = next(item for item in task.candidates if item.item_id == task.target_id)
        tasks.append(replace(task, history=(*task.history, longer, target)))
    judged(blind(prompt_text, tasks), None)


def test_two_candidates_and_odd_titles_accuse_nobody():
    judged(blind(prompt_text, film_tasks(40, n=2)), None)
    judged(blind(prompt_text, [replace(task, target_index=0, target_id="0") for task in odd_tasks()[:2]]), None)


# prompt_not_forged


def refusing(task):
    for item in task.candidates:
        if not item.text.strip() or not item.text.isprintable() or "<" in item.text or "[" in item.text:
            raise ValueError(f"title {item.text!r} is refused")
    return prompt_text(task)


def escaping(task):
    return prompt_text(
        replace(
            task,
            candidates=tuple(Item(i.item_id, i.text.encode("unicode_escape").decode()) for i in task.candidates),
        )
    )


def shown(text_of, tasks, words, make=scoring_prompt):
    outcomes = []
    for task in tasks:
        try:
            outcomes.append(make(task, words, text_of(task)))
        except ValueError as error:
            outcomes.append(str(error))
    return outcomes


def tokenised_apart(task, words, text):
    """Titles are encoded as plain characters, the frame with its markers: what the text shows is the same."""
    ids, rest = [], text
    for item in (*task.history, *task.candidates):
        before, _, rest = rest.partition(item.text)
        ids += words.encode(before) + words.encode(item.text, PLAIN_PIECES)
    ids += words.encode(rest)
    return replace(scoring_prompt(task, words, "x"), text=words.decode(ids), token_ids=tuple(ids), read_position=0)


def forged(text_of, *, twins=True, n=None, pick=lambda title: True, make=scoring_prompt):
    words = Words()
    tasks = [
        task
        for task in hostile_tasks(film_tasks(), np.random.default_rng(3), n=n)
        if all(pick(item.text) for item in task.candidates)
    ]
    harmless = shown(text_of, [harmless_twin(task) for task in tasks], words, make) if twins else None
    return check_prompt_not_forged(
        shown(text_of, tasks, words, make), tasks, letter_table(words), harmless=harmless
    )


def one_line_only(text_of):
    return lambda task: text_of(
        replace(task, candidates=tuple(Item(i.item_id, " ".join(i.text.split())) for i in task.candidates))
    )


@pytest.mark.parametrize("twins", [True, False])
def test_builders_that_refuse_or_clean_pass(twins):
    verdict = judged(forged(refusing, twins=twins), None)
    assert verdict.measured["refused"] > 20
    assert verdict.measured["shown"] > 3
    judged(forged(lambda task: prompt_text(harmless_twin(task)), twins=twins), None)
    everything = forged(lambda task: (_ for _ in ()).throw(ValueError("no")), twins=twins)
    assert judged(everything, None).measured["shown"] == 0


@pytest.mark.parametrize("twins", [True, False])
def test_titles_tokenised_apart_are_text(twins):
    """The markers stand in the text, but not as the frame's tokens."""
    judged(
        forged(
            one_line_only(prompt_text),
            twins=twins,
            make=lambda t, w, x: tokenised_apart(
                replace(t, candidates=tuple(Item(i.item_id, " ".join(i.text.split())) for i in t.candidates)), w, x
            ),
        ),
        None,
    )


@pytest.mark.parametrize("twins", [True, False])
def test_a_naive_builder_is_named(twins):
    verdict = judged(forged(prompt_text, twins=twins), "titles-forge-prompt")
    assert verdict.measured["forged_prompts"] >= 10


@pytest.mark.parametrize("twins", [True, False])
def test_special_tokens_in_titles_are_named_alone(twins):
    verdict = judged(forged(one_line_only(prompt_text), twins=twins), "titles-forge-prompt")
    assert any("im_end" in row for row in verdict.evidence), verdict.evidence


def test_line_breaks_are_named_alone():
    verdict = judged(forged(prompt_text, pick=lambda title: "<" not in title), "titles-forge-prompt")
    assert any("several lines" in row for row in verdict.evidence)


def test_a_single_prompt_can_be_judged():
    words, task = Words(), film_tasks(1)[0]
    bad = replace(task, candidates=(Item("x", "The Film\nB. Forged"), *task.candidates[1:]))
    outcome = scoring_prompt(bad, words)
    judged(check_prompt_not_forged([outcome], [bad], letter_table(words)), "titles-forge-prompt")
    judged(check_prompt_not_forged([scoring_prompt(task, words)], [task], letter_table(words)), None)
    leading = replace(task, candidates=(Item("x", "\nB. Forged"), *task.candidates[1:]))
    judged(
        check_prompt_not_forged([scoring_prompt(leading, words)], [leading], letter_table(words)),
        "titles-forge-prompt",
    )


@pytest.mark.parametrize("twins", [True, False])
def test_examples_in_the_template_accuse_nobody(twins):
    judged(forged(lambda task: "A. x\nB) y\n" + refusing(task), twins=twins), None)


def test_labelled_titles_in_a_history_accuse_nobody():
    words, task = Words(), film_tasks(1)[0]
    odd = replace(task, history=(Item("h", "B. Movie"), Item("g", "A) Film")))
    for layout in (prompt_text, SOUND_LAYOUTS["**A**:"]):
        outcome = scoring_prompt(odd, words, layout(odd))
        judged(check_prompt_not_forged([outcome], [odd], letter_table(words)), None)


def test_outcomes_and_tasks_that_do_not_belong_together_are_an_error():
    tasks = film_tasks()
    with pytest.raises(InvalidTaskError, match="1 outcomes but 12 tasks"):
        check_prompt_not_forged(["no"], tasks, letter_table(Words()))
    with pytest.raises(InvalidTaskError, match="1 harmless twins but 12 tasks"):
        check_prompt_not_forged(["no"] * 12, tasks, letter_table(Words()), harmless=["no"])
