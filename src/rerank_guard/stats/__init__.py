"""The statistics under the checks, valid at every moment: bets, letters, counts, skew, pairs, power. One idea a file."""

from __future__ import annotations

from rerank_guard.stats.bets import (
    first_crossing,
    log_e_path_above,
    log_e_path_below,
    log_e_value_above,
    log_e_value_below,
    look_times,
    p_value_of,
)
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.stats.counts import log_e_path_counts_above
from rerank_guard.stats.letters import LettersAgainstChance, LettersAgainstPrior, tempered_nll
from rerank_guard.stats.multiplicity import holm
from rerank_guard.stats.paired import log_e_path_better, log_e_path_worse_than
from rerank_guard.stats.power import hits_needed, hits_tolerated, users_until, when_decided
from rerank_guard.stats.sample_size import samples_to_bet_above, samples_to_bet_below, samples_to_reach
from rerank_guard.stats.skew import log_e_path_uneven, log_e_value_uneven

__all__ = [
    "LettersAgainstChance",
    "LettersAgainstPrior",
    "first_crossing",
    "hits_needed",
    "hits_tolerated",
    "holm",
    "log_e_path_above",
    "log_e_path_below",
    "log_e_path_better",
    "log_e_path_counts_above",
    "log_e_path_uneven",
    "log_e_path_worse_than",
    "log_e_value_above",
    "log_e_value_below",
    "log_e_value_uneven",
    "look_times",
    "mean_confidence_sequence",
    "p_value_of",
    "samples_to_bet_above",
    "samples_to_bet_below",
    "samples_to_reach",
    "tempered_nll",
    "users_until",
    "when_decided",
]
