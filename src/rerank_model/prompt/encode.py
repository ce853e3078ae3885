"""From history and candidates to token ids, item by item from a cache, never truncating what carries the answer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rerank_guard.core.types import IntArray, Item
from rerank_model.errors import PromptError
from rerank_model.prompt.prompt import PromptConfig, PromptFrame, check_text, require_letters

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PromptEncoder"]

_CHECKED_PROMPTS = 32
_ID = np.dtype(np.int64).itemsize


class PromptEncoder:
    """Encodes prompts, the same way for training and for scoring.

    Each line's ids are cached and joined, which is far cheaper than tokenising a prompt of fifty titles as a whole. The
    joined ids are those of the whole text only if no token spans a joint. That is checked for each line when it is
    first seen, between its neighbours, and for the first prompts as a whole; where it fails (SentencePiece vocabularies)
    every prompt is tokenised whole from then on, with a warning.

    Args:
        tokenizer: a fast or slow tokenizer.
        config: the prompt's words and limits.

    Raises:
        PromptError: see `PromptFrame.from_tokenizer`.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: PromptConfig) -> None:
        self.tokenizer = tokenizer
        self.config = config
        self.frame = PromptFrame.from_tokenizer(tokenizer, config)
        self.joins = True
        self._unchecked = _CHECKED_PROMPTS
        # Added tokens too: Qwen3's <think> does not count as special, but is structure.
        added = {str(token) for token in tokenizer.get_added_vocab()}
        self._special = tuple(sorted(token for token in {*tokenizer.all_special_tokens, *added} if token.strip()))
        self._start = [] if config.chat else _leading_special_ids(tokenizer)
        start = np.array(self._start, dtype=np.int64).tobytes()
        self._pieces: dict[str, bytes] = {}
        self._fixed = (
            start + self._piece(self.frame.head),
            self._piece(self.frame.middle),
            self._piece(self.frame.tail),
        )
        self._letters = [self._piece(f"{letter}.") for letter in self.frame.letters]
        self._offered: dict[str, bytes] = {}
        self._past: dict[str, bytes] = {}

    def encode(self, history: Sequence[Item], candidates: Sequence[Item]) -> list[int]:
        """Token ids of the prompt up to where the letter goes.

        The history loses its oldest items until the prompt fits `config.max_length`.

        Raises:
            PromptError: too many or too few candidates, a hostile title, or a prompt that does not fit with an
                empty history either.
        """
        return self.encode_array(history, candidates).tolist()  # type: ignore[no-any-return]

    def encode_array(self, history: Sequence[Item], candidates: Sequence[Item]) -> IntArray:
        """The same as int64 (L,): what many prompts are packed from. Not to be written to."""
        require_letters(len(candidates), self.frame.letters)
        if not self.joins:
            return np.array(self._encode_whole(history, candidates), dtype=np.int64)
        ids = np.frombuffer(self._join(history, candidates), dtype=np.int64)
        if not self._unchecked:
            return ids
        self._unchecked -= 1
        whole = self._encode_whole(history, candidates)
        if ids.tolist() != whole:
            self._stop_joining()
        return np.array(whole, dtype=np.int64)

    def encode_text(self, text: str) -> list[int]:
        """Plain tokenisation of a whole prompt, the reference that `encode` equals."""
        return [*self._start, *self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]]

    def _join(self, history: Sequence[Item], candidates: Sequence[Item]) -> bytes:
        """The ids of all lines, as the bytes of an int64 array: joining bytes is the cheapest way to join ids."""
        frame = self.frame
        offered: list[bytes] = []
        for letter, item in zip(self._letters, candidates, strict=False):  # there may be more letters
            offered.append(letter)
            offered.append(self._offered.get(item.text) or self._offer(item))
        past = [self._past.get(item.text) or self._remember(item) for item in history]
        head, middle, tail = self._fixed
        room = self.config.max_length * _ID - sum(map(len, (head, middle, tail, *offered)))
        if not past or sum(map(len, past)) > room:
            while past and sum(map(len, past)) > room:
                past.pop(0)
            if not past:
                past = [self._piece(frame.no_history_line())]
                if len(past[0]) > room:
                    raise self._no_room((len(past[0]) - room) // _ID)
        return b"".join((head, *past, middle, *offered, tail))

    def _encode_whole(self, history: Sequence[Item], candidates: Sequence[Item]) -> list[int]:
        kept = list(history)
        while True:
            text = self.frame.text(kept, candidates)
            self._refuse_special(kept)
            self._refuse_special(candidates)
            ids = self.encode_text(text)
            if len(ids) <= self.config.max_length:
                return ids
            if not kept:
                raise self._no_room(len(ids) - self.config.max_length)
            kept.pop(0)

    def _offer(self, item: Item) -> bytes:
        """A candidate's line after its letter."""
        ids = self._offered[item.text] = self._line(f" {item.text}\n", item, before=".", behind=self.frame.tail)
        return ids

    def _remember(self, item: Item) -> bytes:
        """A history item's line."""
        line = self.frame.history_line(item.text)
        ids = self._past[item.text] = self._line(line, item, before="\n", behind=self.frame.middle)
        return ids

    def _line(self, line: str, item: Item, before: str, behind: str) -> bytes:
        """The ids of a line that is new, compared with those that it has between its neighbours."""
        check_text(item)
        self._refuse_special((item,))
        ids = self._piece(line)
        # A line is followed by another one, or by what ends the list; only white space there could change the line's end.
        for after in ("A", behind) if behind[:1].isspace() else ("A",):
            if self._piece(before) + ids + self._piece(after) != self._tokenise(f"{before}{line}{after}"):
                self._stop_joining()
        return ids

    def _piece(self, text: str) -> bytes:
        ids = self._pieces.get(text)
        if ids is None:
            ids = self._pieces[text] = self._tokenise(text)
        return ids

    def _tokenise(self, text: str) -> bytes:
        ids = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return np.array(ids, dtype=np.int64).tobytes()

    def _stop_joining(self) -> None:
        if self.joins:
            self.joins = False
            self._unchecked = 1  # the current prompt is tokenised whole as well
            warnings.warn(
                f"{self.tokenizer.name_or_path!r} gives other ids to a prompt than to its lines; prompts are "
                "tokenised whole from here on, which is slower and changes nothing else.",
                stacklevel=4,
            )

    def _refuse_special(self, items: Sequence[Item]) -> None:
        for item in items:
            for token in self._special:
                if token in item.text:
                    raise PromptError(
                        f"item {item.item_id!r}: title {item.text!r} holds the special token {token!r}, which would "
                        "be read as structure, not as text. Clean the title first."
                    )

    def _no_room(self, excess: int) -> PromptError:
        return PromptError(
            f"the prompt is {excess} tokens over max_length={self.config.max_length} even without history; raise "
            "max_length, pass fewer candidates, or shorten their titles. Candidates and suffix are never truncated."
        )


def _leading_special_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What the tokenizer puts before a plain text (a BOS); chat templates write theirs themselves."""
    bos = tokenizer.bos_token_id
    ids = tokenizer("x")["input_ids"]
    return [bos] if bos is not None and ids and ids[0] == bos else []
