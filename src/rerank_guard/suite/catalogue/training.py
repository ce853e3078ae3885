"""Gates on the training job: can it learn, did it, from what it was told to, and did the weights move?"""

from __future__ import annotations

from operator import methodcaller

from rerank_guard.checks.config_obeyed import check_config_obeyed
from rerank_guard.checks.learning import check_loss_below_random
from rerank_guard.checks.letter_prior import check_loss_below_letter_prior
from rerank_guard.checks.recorded_loss import check_loss_recorded_per_letter
from rerank_guard.checks.rehearsal import check_one_batch_learned
from rerank_guard.checks.weights import check_weights_moved
from rerank_guard.suite.gates import Gate, Need, Tier
from rerank_guard.suite.once import if_offered
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import DeclaresTraining, Rehearses, TracksParameters, Trains
from rerank_guard.verdict import Verdict

__all__ = ["TRAINING_GATES"]

_TRAINS = Need(Trains, "train(progress)")
_TRACE = methodcaller("training_trace")


def _one_batch_learned(session: SuiteSession) -> Verdict:
    plan = if_offered(session.plan, None) if isinstance(session.target, DeclaresTraining) else None
    return check_one_batch_learned(session.rehearsal(), plan)


TRAINING_GATES = (
    Gate(
        family="one_batch_learned",
        k=None,
        tier=Tier.REHEARSAL,
        claim="shown the same few examples over and over, the job learns them by heart",
        needs=(_TRAINS, Need(Rehearses, "rehearse(progress)")),
        inputs=(methodcaller("rehearsal"),),
        check=_one_batch_learned,
    ),
    Gate(
        family="config_obeyed",
        k=None,
        tier=Tier.TRAIN,
        claim="the job ran with the settings it was given",
        needs=(_TRAINS, Need(DeclaresTraining, "training_plan()")),
        inputs=(methodcaller("plan"), _TRACE),
        check=lambda session: check_config_obeyed(session.plan(), session.training_trace()),
    ),
    Gate(
        family="weights_moved",
        k=None,
        tier=Tier.TRAIN,
        claim="the job changed all weights that it should, and no other",
        needs=(_TRAINS, Need(TracksParameters, "parameter_changes()")),
        inputs=(methodcaller("parameter_changes"),),
        check=lambda session: check_weights_moved(session.parameter_changes()),
    ),
    Gate(
        family="loss_recorded_per_letter",
        k=None,
        tier=Tier.TRAIN,
        claim="what was recorded is each example's own letter NLL, not a batch's mean",
        needs=(_TRAINS,),
        inputs=(_TRACE,),
        check=lambda session: check_loss_recorded_per_letter(session.training_trace()),
    ),
    Gate(
        family="loss_below_random",
        k=None,
        tier=Tier.TRAIN,
        claim="training brings the letter's own loss below that of a random guess",
        needs=(_TRAINS,),
        inputs=(_TRACE,),
        check=lambda session: check_loss_below_random(session.training_trace(), alpha=session.alpha),
    ),
    Gate(
        family="loss_below_letter_prior",
        k=None,
        tier=Tier.TRAIN,
        claim="training teaches more than which letters are right most often",
        needs=(_TRAINS,),
        inputs=(_TRACE,),
        check=lambda session: check_loss_below_letter_prior(session.training_trace(), alpha=session.alpha),
    ),
)
