"""The reranker that is judged when none is named, trained and judged again."""

from __future__ import annotations

import torch

from recorded import data
from recorded.compare import Tolerance
from recorded.replay import again, recorded, told
from recorded.runs import embedded_run

OTHER_PROCESSORS = Tolerance(relative=0.1, absolute=0.05, counts=3, texts=False)
"""Training makes much of the last digit, in which processors differ; log e-values are in the hundreds."""


def test_it_is_judged_as_recorded():
    torch.set_num_threads(min(2, torch.get_num_threads()))
    found = again(embedded_run()[data.EMBEDDED], recorded(data.EMBEDDED)[data.EMBEDDED], OTHER_PROCESSORS)
    assert not found, told(found)
