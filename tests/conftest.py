"""What all tests share, and which of them share a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

_ONE_WORKER = Path(__file__).parent / "embedded"
"""Its tests share a training job of most of a minute."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A file runs in one worker (`--dist loadgroup`), and so does one folder, first, since it takes longest."""
    items.sort(key=lambda item: not item.path.is_relative_to(_ONE_WORKER))
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            shared = item.path.is_relative_to(_ONE_WORKER)
            item.add_marker(pytest.mark.xdist_group(_ONE_WORKER.name if shared else item.nodeid.partition("::")[0]))
