"""The file beside a saved reranker's weights: its base, whether they are an adapter, and the prompt."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rerank_model.errors import BackendError
from rerank_model.prompt.prompt import PromptConfig

__all__ = ["prompt_from_json", "read_config", "write_config"]

CONFIG_FILE = "reranker_config.json"


def write_config(folder: Path, *, base: str, adapter: bool, prompt: PromptConfig) -> None:
    """Write it; a base that is a folder is written as a whole path."""
    config = {
        "schema": 1,
        "base": str(Path(base).resolve()) if Path(base).is_dir() else base,
        "adapter": adapter,
        "prompt": asdict(prompt),
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_config(folder: Path) -> dict[str, object] | None:
    """`base`, `adapter` and `prompt` of a saved reranker; None where the folder holds none.

    Raises:
        BackendError: the file is not as it was written.
    """
    file = folder / CONFIG_FILE
    if not file.is_file():
        return None
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        if config["schema"] != 1 or not isinstance(config["adapter"], bool):
            raise ValueError(f"schema {config['schema']!r}")
        return {"base": str(config["base"]), "adapter": config["adapter"], "prompt": config["prompt"]}
    except (ValueError, KeyError, TypeError) as error:
        raise BackendError(
            f"{file} is not a reranker's configuration ({error}); save the reranker again."
        ) from error


def prompt_from_json(fields: object, folder: Path) -> PromptConfig:
    """The prompt among what `read_config` gave.

    Raises:
        BackendError: it is not as it was written.
    """
    if not isinstance(fields, dict):
        raise BackendError(f"{folder / CONFIG_FILE}: 'prompt' is {type(fields).__name__}; save the reranker again.")
    try:
        return PromptConfig(**{**fields, "letters": tuple(fields["letters"])})
    except (TypeError, KeyError) as error:
        raise BackendError(f"{folder / CONFIG_FILE}: {error}; save the reranker again.") from error
