"""The text of a new configuration: every option with what it does and its default, and what the reranker's methods allow.

A setting that is not in use is a line that begins with "#" and no space behind it; text begins with "# ".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rerank_guard.checks.registry import all_checks
from rerank_guard.core.config.options import OPTIONS, Option
from rerank_guard.core.config.toml_text import toml_value
from rerank_guard.faults.explanation import explain_check
from rerank_guard.report.wrapped_text import wrapped
from rerank_guard.suite.default_values import default_values
from rerank_guard.suite.method_overview import LackingMethods, MethodOverview
from rerank_guard.suite.planned import Planned

__all__ = ["configuration_lines"]

_SHARED_TABLE = "tool.rerank_guard"


def configuration_lines(
    overview: MethodOverview, given: Mapping[str, Any], *, shared: bool = False, width: int = 100
) -> Iterator[str]:
    """The lines of a configuration file.

    Args:
        overview: of the reranker.
        given: key of an option to a value that is set, such as "target"; all others are comments.
        shared: for a pyproject.toml, as the table [tool.rerank_guard].
        width: columns of a comment.
    """
    prefix = f"{_SHARED_TABLE}." if shared else ""
    if shared:
        yield f"[{_SHARED_TABLE}]"
    yield from _text(
        f"The configuration of rerank-guard for {overview.name!a}, which has {overview.n_tasks:,} held-out tasks. The "
        "command line wins over rerank_guard.toml, and that over [tool.rerank_guard] in pyproject.toml.",
        width,
    )
    yield from _text(
        'A line that begins with "#" and no space behind it is a setting at its default; remove the "#" to change it.',
        width,
    )
    defaults = default_values(overview.cutoffs)
    for option in OPTIONS:
        yield ""
        yield from _option(option, given, defaults, width)
    yield from _expected(prefix, _example(overview), width)
    yield from _check_settings(prefix, _example(overview), width)
    yield from _has(overview, width)
    yield from _lacks(overview, width)


def _option(option: Option, given: Mapping[str, Any], defaults: Mapping[str, Any], width: int) -> Iterator[str]:
    key, default = option.key, defaults[option.key]
    note = f" {_levels()}" if key == "alpha" else ""
    if key in given:
        yield from _text(f"{option.help}{note}", width)
        yield f"{key} = {toml_value(given[key])}"
    elif default is None:
        yield from _text(f"{key} ({option.metavar}): {option.help}{note} It has no default.", width)
    else:
        yield from _text(f"{option.help}{note}", width)
        yield f"#{key} = {toml_value(default)}"


def _levels() -> str:
    """The checks' own levels, which a level of the run replaces."""
    own = [each.default for check in all_checks().values() for each in check.settings.values() if each.is_level]
    counts = sorted(Counter(own).items(), reverse=True)
    shown = ", ".join(f"{level:g} ({count} check{'s' if count > 1 else ''})" for level, count in counts)
    return f"The checks' own are {shown}."


def _example(overview: MethodOverview) -> Planned:
    """A check to show settings of: the last that judges this reranker, and has a false-alarm rate that can be set."""
    judged = [each for group in overview.has for each in group.checks]
    return next((each for each in reversed(judged) if each.is_statistical), judged[-1])


def _expected(prefix: str, example: Planned, width: int) -> Iterator[str]:
    yield ""
    yield from _text(
        "Checks that may fail, each with the reason. Such a failure does not fail the run; that the check passes does, so that "
        "its line here gets removed.",
        width,
    )
    yield f"#[{prefix}expected]"
    yield f"#{example.family} = {toml_value('the reason')}"


def _check_settings(prefix: str, example: Planned, width: int) -> Iterator[str]:
    yield ""
    yield from _text(
        f"Settings of a check, here of {example.family} ({example.claim}). `rerank-guard explain NAME` shows those of any "
        "check, and what holds here. A setting counts only below its line in brackets.",
        width,
    )
    yield f"#[{prefix}checks.{example.family}]"
    for each in explain_check(example).settings:
        yield from _text(f"{each.text.rstrip('.')}; allowed: {each.setting.allowed}.", width)
        yield f"#{each.setting.name} = {toml_value(each.setting.default)}"


def _has(overview: MethodOverview, width: int) -> Iterator[str]:
    count = sum(len(group.checks) for group in overview.has)
    yield ""
    yield from _text(f"WHAT THE RERANKER HAS: {count} checks judge it.", width)
    for group in overview.has:
        yield "#"
        yield from _text(f"{_joined(group.methods)}:", width)
        yield from _checks(group.checks, width)
    if overview.with_reference:
        yield "#"
        yield from _text("With a reference run (reference = FILE above):", width)
        yield from _checks(overview.with_reference, width)


def _lacks(overview: MethodOverview, width: int) -> Iterator[str]:
    if not overview.lacks:
        return
    count = sum(len(each.checks) for each in overview.lacks)
    yield ""
    yield from _text(
        f"WHAT IT LACKS: methods that would unlock {count} more checks. `rerank_guard.core.target` says all about each.",
        width,
    )
    described: set[str] = set()
    for each in overview.lacks:
        yield "#"
        yield from _lacking(each, described, width)


def _lacking(each: LackingMethods, described: set[str], width: int) -> Iterator[str]:
    """The methods, what those of them return that were not described before, and what they add."""
    yield from _text(f"{_joined([method.call for method in each.methods])}:", width)
    for method in each.methods:
        if method.call not in described:
            subject = f"{method.call} returns: " if len(each.methods) > 1 else "returns: "
            yield from _text(f"{subject}{method.returns}", width, indent=2)
            described.add(method.call)
    yield from _checks(each.checks, width)
    if each.used_by:
        names = ", ".join(planned.family for planned in each.used_by)
        yield from _text(f"also used by: {names}", width, indent=2)


def _checks(checks: Sequence[Planned], width: int) -> Iterator[str]:
    for each in checks:
        yield from _text(
            f"{each.family}{'[K]' if each.k is not None else ''}: {each.claim}", width, indent=2, hanging=4
        )


def _joined(methods: Sequence[str]) -> str:
    return " and ".join(methods)


def _text(text: str, width: int, *, indent: int = 0, hanging: int = 0) -> Iterator[str]:
    for line in wrapped(text, width - 2, indent, hanging):
        yield f"# {line}"
