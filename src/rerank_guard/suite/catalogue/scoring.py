"""Gates on the scores: do they come from the trained model, by the letters, whatever the batch, and twice the same?"""

from __future__ import annotations

from operator import methodcaller

from rerank_guard.checks.adapter import check_adapter_active
from rerank_guard.checks.calibration import check_calibrated
from rerank_guard.checks.determinism import check_batch_invariant, check_scores_deterministic
from rerank_guard.checks.equivariance import check_permutation_equivariant
from rerank_guard.checks.letter_mass import check_letter_mass
from rerank_guard.checks.order_fallback import check_no_order_fallback
from rerank_guard.checks.probabilities_agree import check_probabilities_agree
from rerank_guard.checks.scores import check_probabilities_not_uniform, check_scores_well_formed
from rerank_guard.suite.asked_again import Ask
from rerank_guard.suite.catalogue.reference import judge_against_reference, judge_reload
from rerank_guard.suite.gates import Gate, Need, Tier
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import (
    ForwardsTokens,
    KnowsLetters,
    PredictsProba,
    Reloads,
    ScoresMadeUpTasks,
    ShowsScoringPrompts,
    SwitchesAdapter,
)
from rerank_guard.verdict import Verdict

__all__ = ["SCORING_GATES"]

_SCORES = methodcaller("raw_scores")
_REFERENCE = (
    Need(ForwardsTokens, "next_token_logits(prompts)"),
    Need(ShowsScoringPrompts, "scoring_prompts(tasks)"),
    Need(KnowsLetters, "letter_table()"),
)


def _equivariant(session: SuiteSession) -> Verdict:
    tasks, orders, before, after = session.asked_again.permuted()
    return check_permutation_equivariant(before, after, orders, tasks)


SCORING_GATES = (
    Gate(
        family="scores_well_formed",
        k=None,
        tier=Tier.FORWARD,
        claim="every task has one finite score a candidate, and ties do not decide the ranking",
        needs=(),
        inputs=(_SCORES,),
        check=lambda session: check_scores_well_formed(session.scores(), session.tasks()),
    ),
    Gate(
        family="no_order_fallback",
        k=None,
        tier=Tier.FORWARD,
        claim="no part of the ranking is the order in which the candidates were listed",
        needs=(),
        inputs=(_SCORES,),
        check=lambda session: check_no_order_fallback(session.scores(), session.tasks()),
    ),
    Gate(
        family="scores_deterministic",
        k=None,
        tier=Tier.FORWARD,
        claim="the same tasks scored twice have the same scores",
        needs=(),
        inputs=(_SCORES, Ask("raw_again"), Ask("raw_once_more")),
        check=lambda session: check_scores_deterministic(
            session.asked_again.again(), session.asked_again.once_more(), session.asked_again.tasks()
        ),
    ),
    Gate(
        family="batch_invariant",
        k=None,
        tier=Tier.FORWARD,
        claim="a task scored alone has the scores that it has among others",
        needs=(),
        inputs=(_SCORES, Ask("raw_alone")),
        check=lambda session: check_batch_invariant(
            session.asked_again.scores(),
            session.asked_again.alone(),
            session.asked_again.tasks(),
            all_rows=session.scores(),
        ),
    ),
    Gate(
        family="scores_match_reference",
        k=None,
        tier=Tier.FORWARD,
        claim="the scores are those of a plain forward pass, read behind the prompt at the letters' own tokens",
        needs=_REFERENCE,
        inputs=(_SCORES, Ask("scoring_prompts"), Ask("raw_reference")),
        check=judge_against_reference,
    ),
    Gate(
        family="letter_mass",
        k=None,
        tier=Tier.FORWARD,
        claim="of the whole vocabulary the letters are what the model expects as an answer",
        needs=_REFERENCE,
        inputs=(Ask("scoring_prompts"), Ask("raw_reference")),
        check=lambda session: check_letter_mass(
            session.asked_again.reference_logits(), session.letter_table(), session.asked_again.tasks()
        ),
    ),
    Gate(
        family="adapter_active",
        k=None,
        tier=Tier.FORWARD,
        claim="the trained adapter changes the scores",
        needs=(Need(SwitchesAdapter, "score_without_adapter(tasks)"),),
        inputs=(_SCORES, Ask("raw_again"), Ask("raw_without_adapter")),
        check=lambda session: check_adapter_active(
            session.asked_again.again(), session.asked_again.without_adapter(), session.asked_again.tasks()
        ),
    ),
    Gate(
        family="survives_reload",
        k=None,
        tier=Tier.FORWARD,
        claim="saved and loaded, the reranker gives the same scores",
        needs=(Need(Reloads, "score_reloaded(tasks)"),),
        inputs=(_SCORES, Ask("raw_again"), Ask("raw_reloaded")),
        check=judge_reload,
    ),
    Gate(
        family="probabilities_not_uniform",
        k=None,
        tier=Tier.FORWARD,
        claim="the probabilities over the letters differ from the uniform distribution",
        needs=(Need(PredictsProba, "predict_proba(tasks)"),),
        inputs=(methodcaller("raw_probabilities"),),
        check=lambda session: check_probabilities_not_uniform(
            session.probabilities(),
            n_candidates=[task.n_candidates for task in session.tasks()],
            alpha=session.alpha,
        ),
    ),
    Gate(
        family="probabilities_agree",
        k=None,
        tier=Tier.FORWARD,
        claim="the probabilities rank the candidates as the scores do",
        needs=(Need(PredictsProba, "predict_proba(tasks)"),),
        inputs=(_SCORES, methodcaller("raw_probabilities")),
        check=lambda session: check_probabilities_agree(session.scores(), session.probabilities(), session.tasks()),
    ),
    Gate(
        family="permutation_equivariant",
        k=None,
        tier=Tier.FORWARD,
        claim="with the candidates listed in another order the scores go with the items, not with the slots",
        needs=(Need(ScoresMadeUpTasks, "score_made_up(tasks)"),),
        inputs=(_SCORES, Ask("raw_permuted")),
        check=_equivariant,
    ),
    Gate(
        family="calibrated",
        k=None,
        tier=Tier.FORWARD,
        claim="the probabilities are not far more confident than they are right",
        needs=(Need(PredictsProba, "predict_proba(tasks)"),),
        inputs=(methodcaller("raw_probabilities"),),
        check=lambda session: check_calibrated(session.probabilities(), session.tasks()),
    ),
)
