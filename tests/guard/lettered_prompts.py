"""A small prompt builder and tokenizer for the tests of the prompt checks: one token a word or marker."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from guard.builders import LETTERS
from rerank_guard.core.prompts import ScoringPrompt, SupervisedToken, TrainingPrompt
from rerank_guard.core.types import Item, LetterTable, LetterToken, RankingTask

PIECES = re.compile(r"<\|\w+\|>|</?think>| (?=<\|\w+\|>|</?think>)|\n| ?\w+| ?[^\w\s]|\s")
PLAIN_PIECES = re.compile(r"\n| ?[A-Za-z0-9]+| ?[^\w\s]|_|\s|\w")
WORDS = [
    f"{start}{end}"
    for start in ("Amber", "Bridge", "Canyon", "Dragon", "Empire")
    for end in ("", "land", "fire", "song", "gate")
]
WORDS.append("Zenith")


class Words:
    """Ids for words as they come; what was encoded can be decoded, white space and all."""

    def __init__(self):
        self.ids = {}

    def encode(self, text, pieces=PIECES):
        return tuple(self.ids.setdefault(piece, len(self.ids) + 10) for piece in pieces.findall(text))

    def decode(self, ids):
        names = {token: piece for piece, token in self.ids.items()}
        return "".join(names[token] for token in ids)


HEAD = "<|im_start|>user\nThe user liked, oldest first:\n"
TAIL = "Which one comes next? Answer with its letter.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


def prompt_text(task, *, head=HEAD, tail=TAIL, between=". ", letters=LETTERS, newest=99):
    past = "".join(f"- {item.text}\n" for item in task.history[-newest:]) or "- (nothing yet)\n"
    offered = "".join(f"{letters[position]}{between}{item.text}\n" for position, item in enumerate(task.candidates))
    return f"{head}{past}Candidates:\n{offered}{tail}"


def scoring_prompt(task, words, text=None, *, cut=None):
    ids = words.encode(prompt_text(task) if text is None else text)[:cut]
    return ScoringPrompt(task.query_id, words.decode(ids), ids, len(ids) - 1)


def training_prompt(task, words, text=None, *, answer=None, supervised=None):
    """With the letter, the end of the turn and a line break behind the prompt; only the letter supervised."""
    before = words.encode(prompt_text(task) if text is None else text)
    position = next((p for p, item in enumerate(task.candidates) if item.item_id == task.target_id), 0)
    letter = words.encode(LETTERS[position] if answer is None else answer)
    ids = (*before, *letter, *words.encode("<|im_end|>\n"))
    place = len(before) - 1
    wanted = (SupervisedToken(place, letter[0]),) if supervised is None else supervised(place, ids)
    return TrainingPrompt(task.query_id, words.decode(ids), ids, place, wanted)


def letter_table(words, n=26):
    return LetterTable(tuple(LetterToken(x, words.encode(x), words.encode(x)[0]) for x in LETTERS[:n]))


def film_tasks(users=12, n=6, seed=0, history=3):
    """Titles of two words and a year, different within a task; the target anywhere; a history of 0 to `history` films."""
    rng = np.random.default_rng(seed)
    tasks = []
    for user in range(users):
        pairs = rng.permutation(len(WORDS) ** 2)[: n + history]
        films = [
            Item(str(pair), f"{WORDS[pair // 26]} {WORDS[pair % 26]} ({1950 + pair % 70})")
            for pair in pairs.tolist()
        ]
        target = int(rng.integers(n))
        past = films[n : n + int(rng.integers(history + 1))]
        tasks.append(RankingTask(f"u{user}", tuple(past), tuple(films[:n]), films[target].item_id, target))
    return tasks


def moved_target(task):
    position = (task.target_index + 1) % task.n_candidates
    return replace(task, target_id=task.candidates[position].item_id, target_index=position)


def short_task(task):
    return replace(
        task, candidates=task.candidates[:2], history=task.history[-1:], target_id="0", target_index=None
    )
