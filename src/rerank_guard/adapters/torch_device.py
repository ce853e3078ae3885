"""Which device a target should run on; torch is imported only when the answer depends on it."""

from __future__ import annotations

from importlib import metadata, util

__all__ = ["cuda_problem", "find_device"]


def find_device() -> str:
    """Return "cuda" when torch can use a GPU here, else "cpu"."""
    return "cpu" if cuda_problem() else "cuda"


def cuda_problem() -> str | None:
    """Why CUDA cannot be used here, in torch's own terms; None when it can be.

    Neither a missing torch nor a build without CUDA (its version ends in "+cpu") costs an import.
    """
    if util.find_spec("torch") is None:
        return "torch is not installed"
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        version = ""  # a torch put on the path by hand; ask it directly
    if version.endswith("+cpu"):
        return f"torch {version} is a build without CUDA"
    import torch

    if torch.cuda.is_available():
        return None
    return (
        f"torch {torch.__version__} (built for CUDA {torch.version.cuda}) reports cuda.is_available() = False and "
        f"cuda.device_count() = {torch.cuda.device_count()}"
    )
