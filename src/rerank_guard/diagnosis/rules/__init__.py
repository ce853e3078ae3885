"""What only several findings together can say: one table of rules, tried in its order.

A rule that renames gets one suspicion and gives it back, or another one in its place. A rule that adds gives suspicions that
no single check has. `between` says what lies between a job that learned and scores that do not show it.
"""

from rerank_guard.diagnosis.rules.between import Between, between_training_and_scoring
from rerank_guard.diagnosis.rules.inferring import ADDING
from rerank_guard.diagnosis.rules.open_questions import fits_no_signal
from rerank_guard.diagnosis.rules.renaming import RENAMING, renamed

__all__ = ["ADDING", "RENAMING", "Between", "between_training_and_scoring", "fits_no_signal", "renamed"]
