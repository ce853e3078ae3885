"""Are the letter logits read behind the last token of the prompt?"""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.checks._kinds import all_but
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.faults.scoring import WRONG_LOGIT_POSITION
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.setting import Count
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["logit_position_correct"]


@check(
    stage=Stage.PROMPTS,
    claim="the letter logits are read behind the last token of every prompt",
    can_name=(WRONG_LOGIT_POSITION,),
)
def logit_position_correct(scoring_prompts: Sequence[ScoringPrompt], *, max_broken_prompts: Count = 0) -> Finding:
    """The letter logits are read behind the last token of every prompt.

    A causal model knows nothing of what follows the position that is read: read earlier, it ranks without the question,
    or without the candidates. The usual reason is padding that the index does not account for.

    Exact: `read_position` is compared with the last index of `token_ids`; one prompt that differs fails.

    Known limit: it sees the position that the reranker reports. That the scores come from there is what
    `scores_match_forward_pass` checks.

    Args:
        scoring_prompts: at least one.
        max_broken_prompts: largest number of prompts read too early that is tolerated.

    Returns:
        PASSED, or FAILED as wrong-logit-position.

    Raises:
        InvalidTaskError: no prompts.
    """
    if len(scoring_prompts) == 0:
        raise InvalidTaskError("there are no prompts to judge; give at least one.")
    early = {place: _tokens_too_early(prompt) for place, prompt in enumerate(scoring_prompts)}
    broken = [place for place, tokens in early.items() if tokens]
    failed = len(broken) > max_broken_prompts
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"the logits are read behind the last token of each of {len(scoring_prompts)} prompts"
        f"{all_but(max_broken_prompts)}",
        measured={"broken_prompts": len(broken), "tokens_too_early": max(early.values())},
        limits=(Limit("broken_prompts", "<=", max_broken_prompts),),
        n=len(scoring_prompts),
        evidence=tuple(_row(scoring_prompts[place]) for place in broken[:MAX_EVIDENCE]) if failed else (),
        suspects=(suspect(WRONG_LOGIT_POSITION, _cause({early[place] for place in broken})),) if failed else (),
        affected=Affected(len(broken), len(scoring_prompts), "prompts"),
    )


def _tokens_too_early(prompt: ScoringPrompt) -> int:
    return len(prompt.token_ids) - 1 - prompt.read_position


def _cause(distances: set[int]) -> str:
    """With the distance in tokens, where all prompts have the same."""
    by = f"{next(iter(distances))} token(s)" if len(distances) == 1 else "a varying number of tokens"
    return f"The logits are read {by} before the end of the prompt."


def _row(prompt: ScoringPrompt) -> str:
    return (
        f"query {prompt.query_id!r}: read behind token {prompt.read_position} of {len(prompt.token_ids)} (counted from "
        f"0), {_tokens_too_early(prompt)} before the last"
    )
