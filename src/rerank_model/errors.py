"""The error tree of the reranker: every error raised on purpose derives from `RerankModelError`."""

from __future__ import annotations

__all__ = ["BackendError", "ConfigError", "DataError", "PromptError", "RerankModelError", "TrainingError"]


class RerankModelError(Exception):
    """Base of all errors raised on purpose by rerank_model."""


class DataError(RerankModelError, ValueError):
    """A data file or table is not what it should be."""


class PromptError(RerankModelError, ValueError):
    """A prompt cannot be built: too many candidates, a hostile title, no template, no room."""


class BackendError(RerankModelError):
    """A checkpoint or backend cannot be used."""


class ConfigError(RerankModelError, ValueError):
    """A setting is out of range or contradicts another."""


class TrainingError(RerankModelError):
    """A training job cannot run, or went wrong."""
