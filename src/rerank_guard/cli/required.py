"""What a command cannot do without."""

from __future__ import annotations

from rerank_guard.core.config.configuration import Configuration
from rerank_guard.core.demo import DEMO
from rerank_guard.core.errors import ConfigError

__all__ = ["required_target"]


def required_target(configuration: Configuration) -> str:
    """The reranker that is configured. There is no default: a verdict on another reranker would be read as one on theirs.

    Raises:
        ConfigError: none is.
    """
    spec = configuration.get("target")
    if spec is None:
        raise ConfigError(
            'no reranker is named; give --target PKG.MOD:FACTORY, or target = "pkg.mod:factory" in the configuration; '
            f"--target {DEMO} judges the packaged demo."
        )
    return str(spec)
