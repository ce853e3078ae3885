"""What holds where nothing is configured, by the keys of a configuration file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from rerank_guard.core.config.options import OPTIONS
from rerank_guard.core.defaults import REPORT_FOLDER
from rerank_guard.suite.settings import KEYS, RunSettings

__all__ = ["default_values"]


def default_values(cutoffs: Sequence[int]) -> Mapping[str, Any]:
    """Option key to the value in use without a configuration; None of an option that does nothing until it is given.

    Args:
        cutoffs: those of the reranker, which take the place of a default of `k`.
    """
    unset = RunSettings()
    in_use = {KEYS.get(each.name, each.name): getattr(unset, each.name) for each in fields(unset)}
    in_use |= {"k": tuple(cutoffs), "alpha": unset.budget, "report": REPORT_FOLDER}
    return {option.key: in_use.get(option.key) for option in OPTIONS}
