"""Can the reranker name every candidate with one letter token, and does it read the token that it is trained on?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rerank_guard.errors import InvalidTaskError
from rerank_guard.types import LetterTable, LetterToken
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_letter_tokens_found"]

_EXPLANATIONS = {
    "letters-exhausted": (
        "The alphabet is shorter than the longest candidate list; the candidates beyond it have no letter.",
        "Declare a longer alphabet of single-token labels, or list fewer candidates.",
    ),
    "multi-token-letter": (
        "The tokenizer splits the letter, or does not know it; one position's logits cannot score it.",
        "Take letters that are one token where the answer stands (A-Z and a-z on most vocabularies; '10' is not "
        "one).",
    ),
    "silent-fallback": (
        "No token id is read for the letter, so its candidate gets a made-up score or the input order.",
        "Read the logit at the letter's in-context id for every candidate, and raise where there is none.",
    ),
    "letter-collision": (
        "Two candidates are shown under the same letter, or two letters are read from the same token, so that one "
        "answer stands for both.",
        "Give every candidate a letter of its own id: check for a case-folding tokenizer, a repeated letter, or an "
        "encoding that keeps only a leading space.",
    ),
    "wrong-letter-variant": (
        "The scored id is not the id that stands at the answer position: 'A' and ' A' are different tokens.",
        "Take the ids from prompt and letter tokenized together, not from the letter alone.",
    ),
}


def check_letter_tokens_found(table: LetterTable, n_candidates: int) -> Verdict:
    """Each of the first N letters is one known token where the answer stands, its own, and the one that is scored.

    Exact: zero tolerance. Letters beyond N are not in use and are not judged.

    Args:
        table: the letters in slot order, tokenized in context.
        n_candidates: the largest number of candidates N of any task.

    Returns:
        PASSED, or FAILED with the first fault of: letters-exhausted, multi-token-letter (several tokens, none, or
        unknown), silent-fallback (no id is scored), letter-collision (the same text or id for two
        slots), wrong-letter-variant. The order is that in
        which one fault hides the next.

    Raises:
        InvalidTaskError: n_candidates below 2.
    """
    if n_candidates < 2:
        raise InvalidTaskError(f"n_candidates={n_candidates}: a ranking needs at least 2 candidates, so 2 letters.")
    in_use = table.letters[:n_candidates]
    faults = list(_faults(in_use, n_candidates, table.unk_token_id))
    first = faults[0][0] if faults else None
    cause, next_step = _EXPLANATIONS[first] if first else ("", "")
    usable = n_candidates - len({letter for _, letters, _ in faults for letter in letters})
    return Verdict(
        check="letter_tokens_found",
        status=Status.FAILED if faults else Status.PASSED,
        claim=(
            f"each of the {n_candidates} letters in use is one token of its own in context, and that token is "
            "scored"
        ),
        measured={"usable_letters": usable, "letters_given": len(table.letters)},
        threshold={"usable_letters": n_candidates},
        n=n_candidates,
        evidence=tuple(row for _, _, row in faults[:MAX_EVIDENCE]),
        cause=cause,
        next_step=next_step,
        fault=first,
    )


def _faults(
    letters: Sequence[LetterToken], n_candidates: int, unk_token_id: int | None
) -> Iterator[tuple[str, tuple[int, ...], str]]:
    """Each fault with the slots that it spoils and the row that shows it, the most basic kind first."""
    if len(letters) < n_candidates:
        lacking = tuple(range(len(letters), n_candidates))
        yield "letters-exhausted", lacking, f"{n_candidates} candidates but {len(letters)} letters"
    for slot, letter in enumerate(letters):
        if len(letter.token_ids) != 1:
            row = f"letter {letter.letter!r} is {len(letter.token_ids)} tokens in context: {list(letter.token_ids)}"
            yield "multi-token-letter", (slot,), row
        elif unk_token_id is not None and letter.token_ids[0] == unk_token_id:
            row = f"letter {letter.letter!r} is unknown to the tokenizer (id {unk_token_id})"
            yield "multi-token-letter", (slot,), row
    for slot, letter in enumerate(letters):
        if letter.scored_token_id is None:
            yield "silent-fallback", (slot,), f"letter {letter.letter!r}: no token id is scored"
    yield from _collisions(letters)
    for slot, letter in enumerate(letters):
        scored = letter.scored_token_id
        if scored is not None and len(letter.token_ids) == 1 and scored != letter.token_ids[0]:
            row = f"letter {letter.letter!r}: id {letter.token_ids[0]} in context, id {scored} is scored"
            yield "wrong-letter-variant", (slot,), row


def _collisions(letters: Sequence[LetterToken]) -> Iterator[tuple[str, tuple[int, ...], str]]:
    in_context: dict[int, int] = {}
    scored: dict[int, int] = {}
    texts: dict[str, int] = {}
    for slot, letter in enumerate(letters):
        first = texts.setdefault(letter.letter, slot)
        if first != slot:
            yield (
                "letter-collision",
                (first, slot),
                f"slots {first} and {slot} have the same letter {letter.letter!r}",
            )
            continue
        single = letter.token_ids[0] if len(letter.token_ids) == 1 else None
        for what, token_id, seen in (
            ("in context", single, in_context),
            ("scored", letter.scored_token_id, scored),
        ):
            if token_id is None:
                continue
            other = seen.setdefault(token_id, slot)
            if other != slot:
                row = f"letters {letters[other].letter!r} and {letter.letter!r} share id {token_id} ({what})"
                yield "letter-collision", (other, slot), row
                break
