"""Fast scoring: prompts packed end to end, attention within each, the last layer for the last token only.

`score.py` uses it where `why_not_packed` gives no reason against it; the plain path stays the reference.
"""

from rerank_model.scoring.packed.batches import Batch, TokenIds, fill_batches
from rerank_model.scoring.packed.forward import letter_logits
from rerank_model.scoring.packed.known_shape import unknown_shape
from rerank_model.scoring.packed.threads import each_in_a_thread
from rerank_model.scoring.packed.unchanged import why_not_packed
from rerank_model.scoring.packed.weights import DecoderWeights, read_weights
from rerank_model.scoring.packed.workspace import Workspace

__all__ = [
    "Batch",
    "DecoderWeights",
    "TokenIds",
    "Workspace",
    "each_in_a_thread",
    "fill_batches",
    "letter_logits",
    "read_weights",
    "unknown_shape",
    "why_not_packed",
]
