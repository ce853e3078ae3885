"""The prompt: history and lettered candidates, as text, through the tokenizer's own chat template."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rerank_guard.core.types import Item
from rerank_model.errors import PromptError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["LETTERS", "PromptConfig", "PromptFrame", "check_text"]

LETTERS: tuple[str, ...] = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
"""The default alphabet: 52 letters, single tokens in every common vocabulary."""

_MARK = "<<HISTORY-AND-CANDIDATES>>"


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """The words around history and candidates, and the alphabet.

    Attributes:
        letters: labels in the order of positions; their number bounds N.
        history_heading, candidates_heading, question: the fixed lines of the prompt.
        system: the system message; None for none.
        chat: True to go through the tokenizer's chat template (with `enable_thinking=False`, which templates
            without that switch ignore); False for a plain-text prompt that ends with "Answer:".
        max_length: longest prompt in tokens. The history is shortened from its oldest end to fit; candidates and
            suffix never are.
    """

    letters: tuple[str, ...] = LETTERS
    history_heading: str = "The user liked, oldest first:"
    candidates_heading: str = "Candidates:"
    question: str = "Which one comes next? Answer with its letter."
    system: str | None = None
    chat: bool = True
    max_length: int = 2048

    def __post_init__(self) -> None:
        if len(self.letters) < 2:
            raise PromptError(
                f"{len(self.letters)} letter(s) cannot label a list of candidates; declare at least 2."
            )
        if self.max_length < 1:
            raise PromptError(f"max_length is {self.max_length}; a prompt needs at least a token.")
        if len(set(self.letters)) != len(self.letters):
            twice = sorted({letter for letter in self.letters if self.letters.count(letter) > 1})
            raise PromptError(f"letters {twice} are twice in the alphabet; give each position a letter of its own.")
        for letter in self.letters:
            if not letter or letter.strip() != letter or "\n" in letter:
                raise PromptError(
                    f"letter {letter!r} is blank or holds white space; use visible labels such as 'A'."
                )


@dataclass(frozen=True, slots=True)
class PromptFrame:
    """The prompt's text in pieces that join to the whole: head, history lines, middle, candidate lines, tail.

    Line breaks close every piece but the tail, and every piece starts with a visible character, so the pieces can
    be tokenised apart by any tokenizer that splits words at line breaks (`PromptEncoder` checks that this holds).
    """

    head: str
    middle: str
    tail: str
    letters: tuple[str, ...]

    @classmethod
    def from_tokenizer(cls, tokenizer: PreTrainedTokenizerBase, config: PromptConfig) -> PromptFrame:
        """Render the chat template once and cut it where history and candidates go.

        Raises:
            PromptError: the tokenizer has no chat template and `config.chat` is True, or the template changes
                the message's text.
        """
        content = f"{config.history_heading}\n{_MARK}\n{config.question}"
        if config.chat:
            text = _render(tokenizer, config, content)
        else:
            text = f"{config.system}\n\n{content}\nAnswer:\n" if config.system else f"{content}\nAnswer:\n"
        if text.count(_MARK) != 1:
            raise PromptError(
                f"the chat template of {tokenizer.name_or_path!r} changes the user's message; "
                "use PromptConfig(chat=False), or a template that does not."
            )
        head, tail = text.split(_MARK + "\n")
        return cls(head=head, middle=f"{config.candidates_heading}\n", tail=tail, letters=config.letters)

    def history_line(self, text: str) -> str:
        """One liked item."""
        return f"- {text}\n"

    def no_history_line(self) -> str:
        """The line that replaces an empty history."""
        return "- (nothing yet)\n"

    def candidate_line(self, position: int, text: str) -> str:
        """One candidate after its letter; the two pieces before and after the letter's dot can be cached apart."""
        return f"{self.letters[position]}. {text}\n"

    def text(self, history: Sequence[Item], candidates: Sequence[Item]) -> str:
        """The whole prompt, up to where the letter goes.

        Raises:
            PromptError: more candidates than letters, or a title that could forge the prompt's structure.
        """
        require_letters(len(candidates), self.letters)
        for item in (*history, *candidates):
            check_text(item)
        past = "".join(self.history_line(item.text) for item in history) or self.no_history_line()
        offered = "".join(self.candidate_line(position, item.text) for position, item in enumerate(candidates))
        return f"{self.head}{past}{self.middle}{offered}{self.tail}"


def require_letters(n_candidates: int, letters: Sequence[str]) -> None:
    """Refuse lists that a prompt cannot hold.

    Raises:
        PromptError: no candidates, one candidate, or more than there are letters.
    """
    if n_candidates < 2:
        raise PromptError(f"{n_candidates} candidate(s) cannot be ranked; give at least 2.")
    if n_candidates > len(letters):
        raise PromptError(
            f"{n_candidates} candidates but {len(letters)} letters; pass fewer candidates, or declare more letters "
            "with PromptConfig(letters=...)."
        )


def check_text(item: Item) -> None:
    """Refuse a title that could forge the prompt: line breaks, control and bidirectional-control characters.

    Visible text of any script passes, also right-to-left letters and titles such as "B. Movie": a candidate
    begins only after a line break, which no title can hold.

    Raises:
        PromptError: names the item, the character and its index.
    """
    text = item.text
    if not text.strip():
        raise PromptError(f"item {item.item_id!r} has a blank title {text!r}; give every item a text.")
    if text != text.strip():
        raise PromptError(f"item {item.item_id!r}: title {text!r} begins or ends with white space; strip it.")
    if text.isascii() and text.isprintable():
        return
    for place, char in enumerate(text):
        # Cc control, Cf format (bidirectional overrides, zero-width), Zl/Zp line and paragraph separators.
        # The two joiners are part of how Persian, Indic scripts and emoji are written.
        if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs") and char not in "\u200c\u200d":
            raise PromptError(
                f"item {item.item_id!r}: title {text!r} holds {char!r} (U+{ord(char):04X}) at {place}; a prompt line "
                "must not hold line breaks, control or bidirectional characters. Clean the title first."
            )


def _render(tokenizer: PreTrainedTokenizerBase, config: PromptConfig, content: str) -> str:
    if tokenizer.chat_template is None:
        raise PromptError(
            f"tokenizer {tokenizer.name_or_path!r} has no chat template; use PromptConfig(chat=False) for a plain "
            "prompt, or set tokenizer.chat_template."
        )
    messages = [{"role": "system", "content": config.system}] if config.system else []
    messages.append({"role": "user", "content": content})
    text = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    if not isinstance(text, str):
        raise PromptError(f"the chat template gave {type(text).__name__} instead of text.")
    return text
