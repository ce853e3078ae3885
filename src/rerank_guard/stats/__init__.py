"""The statistics under the checks: exact tails, intervals, bets on bounded means, sample sizes. One idea a file."""

from __future__ import annotations

from rerank_guard.stats.bounded_mean import (
    bounded_mean_interval,
    log_e_value_mean_above,
    log_e_value_mean_below,
    p_value_of,
)
from rerank_guard.stats.intervals import clopper_pearson
from rerank_guard.stats.paired import mcnemar_p_value
from rerank_guard.stats.sample_size import (
    samples_to_bet_above,
    samples_to_bet_below,
    samples_to_reach,
    users_to_tell_apart,
)
from rerank_guard.stats.tails import (
    binomial_lower_tail,
    binomial_upper_tail,
    poisson_binomial_pmf,
    poisson_binomial_upper_tail,
)

__all__ = [
    "binomial_lower_tail",
    "binomial_upper_tail",
    "bounded_mean_interval",
    "clopper_pearson",
    "log_e_value_mean_above",
    "log_e_value_mean_below",
    "mcnemar_p_value",
    "p_value_of",
    "poisson_binomial_pmf",
    "poisson_binomial_upper_tail",
    "samples_to_bet_above",
    "samples_to_bet_below",
    "samples_to_reach",
    "users_to_tell_apart",
]
