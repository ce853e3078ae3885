"""The plugin costs nothing when it is not used: no heavy import before an option asks for one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "torch", "transformers", "peft", "pandas", "matplotlib", "rerank_model")

REPORT = "import json, sys; print(json.dumps(sorted(set(sys.modules))))"


def heavy_modules_after(statement: str, directory) -> set[str]:
    """Which of HEAVY a new interpreter has loaded after the statement."""
    # Other installed plugins may import numpy or torch; this is about ours alone.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    ran = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{REPORT}"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1])) & set(HEAVY)


def test_importing_the_plugin_is_light(tmp_path):
    assert heavy_modules_after("import rerank_guard.pytest_plugin.plugin", tmp_path) == set()


def test_an_idle_pytest_run_is_light(tmp_path):
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    statement = (
        "import pytest\n"
        "status = pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'rerank_guard.pytest_plugin.plugin', '.'])\n"
        "assert status == 0, status"
    )
    assert heavy_modules_after(statement, tmp_path) == set()


@pytest.mark.parametrize("module", ["numpy", "scipy"])
def test_a_heavy_import_is_noticed(tmp_path, module):
    assert module in heavy_modules_after(f"import rerank_guard.pytest_plugin.plugin, {module}", tmp_path)
