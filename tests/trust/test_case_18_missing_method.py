"""Case 18: a text names the method that is missing, and none that is there."""

from __future__ import annotations

import pytest

from rerank_guard.core.verdict import Status
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.suite import SuiteRun


class Without(Wrapped):
    """The healthy reranker without some of its methods."""

    def __init__(self, target, hidden):
        super().__init__(target)
        for name in hidden:
            del vars(self)[name]
        vars(self)["_hidden"] = hidden

    def __getattr__(self, name):
        if name in vars(self).get("_hidden", ()):
            raise AttributeError(name)
        return super().__getattr__(name)


METHODS = ("letter_table", "next_token_logits", "scoring_prompts", "training_prompts", "score_reloaded")


@pytest.mark.parametrize(
    "hidden",
    [*((name,) for name in METHODS), ("letter_table", "scoring_prompts"), METHODS],
    ids="+".join,
)
def test_only_what_is_missing_is_asked_for(hidden):
    run = SuiteRun(Without(make_healthy(0), hidden))
    lacking = [each for each in run.planned() if each.missing(run.reranker)]
    assert lacking
    for planned in lacking:
        verdict = run.judge(planned)
        assert verdict.status is Status.NOT_APPLICABLE
        named = {name for name in METHODS if f"{name}(" in verdict.next_step}
        assert named
        assert named <= set(hidden)
