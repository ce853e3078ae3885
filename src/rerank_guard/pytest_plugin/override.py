"""A project's own fixture `rerank_target`, which names the reranker that the suite judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from rerank_guard.core.errors import ConfigError
from rerank_guard.pytest_plugin import fixtures

if TYPE_CHECKING:
    from _pytest.fixtures import FixtureDef

__all__ = ["FIXTURE", "Override", "find_override"]

FIXTURE = "rerank_target"


class Override(NamedTuple):
    """The fixture of a conftest or plugin that takes the place of the plugin's own.

    Attributes:
        parent: the node below which it is visible; the suite is collected there.
        wraps: it asks for the fixture that it overrides, so that an option or the configuration names what it wraps.
    """

    parent: pytest.Collector
    wraps: bool


def find_override(session: pytest.Session) -> Override | None:
    """The project's own fixture, once all conftests are loaded; None where there is none.

    One in a test module is that module's own and names nothing.

    Raises:
        ConfigError: several folders have one and the rootdir none; or it is made anew for each test, so that each check would
            judge another reranker.
    """
    visible = _own(session._fixturemanager.getfixturedefs(FIXTURE, session) or ())
    if visible:
        return _checked(visible[-1], session)
    below = {_folder(each): each for each in _own(_definitions(session)) if ".py" not in _folder(each)}
    if not below:
        return None
    if len(below) > 1:
        raise ConfigError(
            f"the fixture {FIXTURE} is overridden in {', '.join(sorted(below))}; the suite judges one, so define it in the "
            "conftest.py of the rootdir, parametrised if need be, or name one by --rerank-target."
        )
    ((folder, definition),) = below.items()
    node = getattr(definition, "node", None)
    parent = node if isinstance(node, pytest.Collector) else _folders(session, folder)
    return _checked(definition, parent)


def _checked(definition: FixtureDef[Any], parent: pytest.Collector) -> Override:
    if definition.scope != "session":
        raise ConfigError(
            f"the fixture {FIXTURE} of {_folder(definition) or 'the rootdir'} has scope={definition.scope!r}; give it "
            'scope="session": one reranker is trained once, and all checks judge it.'
        )
    return Override(parent, FIXTURE in definition.argnames)


def _own(definitions: Sequence[FixtureDef[Any]]) -> list[FixtureDef[Any]]:
    return [each for each in definitions if getattr(each.func, "__module__", "") != fixtures.__name__]


def _folder(definition: FixtureDef[Any]) -> str:
    return str(definition.baseid)


def _definitions(session: pytest.Session) -> list[FixtureDef[Any]]:
    """Of the whole session, whatever node sees them."""
    manager: Any = session._fixturemanager
    if not hasattr(manager, "_arg2node2fixturedefs"):  # pytest before 9.1
        return list(manager._arg2fixturedefs.get(FIXTURE, ()))
    by_place = (manager._arg2node2fixturedefs, manager._arg2nodeid2fixturedefs)
    return [each for places in by_place for found in places.get(FIXTURE, {}).values() for each in found]


def _folders(session: pytest.Session, folder: str) -> pytest.Collector:
    """The nodes of a folder and its parents: pytest before 9.1 finds a fixture by the ids of a node's parents."""
    node: pytest.Collector = session
    for path in _downward(session.config.rootpath, folder):
        node = pytest.Dir.from_parent(node, path=path)
    return node


def _downward(root: Path, folder: str) -> Iterator[Path]:
    for part in Path(folder).parts:
        root = root / part
        yield root
