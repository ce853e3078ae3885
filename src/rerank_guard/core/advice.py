"""The words in which a verdict advises another setting, so that what it advises can be typed as it is written."""

from __future__ import annotations

__all__ = ["setting_advice"]


def setting_advice(check: str, setting: str, value: float | int | None = None) -> str:
    """How to set one setting of one check, as a clause without a full stop.

    Args:
        check: the check's name, without a cutoff.
        setting: its keyword-only parameter.
        value: one with which the verdict changes for the better; None where the reader has to choose it.

    Returns:
        Such as "set `a_check.effect` to 0.02 (under [tool.rerank_guard.checks.a_check] in pyproject.toml, or
        --rerank-set a_check.effect=0.02)". The value is written so that it reads back as itself.
    """
    shown = None if value is None else repr(value if isinstance(value, int) else float(value))
    return (
        f"set `{check}.{setting}`{'' if shown is None else f' to {shown}'} (under [tool.rerank_guard.checks.{check}] in "
        f"pyproject.toml, or --rerank-set {check}.{setting}={shown or 'VALUE'})"
    )
