"""The import contracts of pyproject.toml hold, and they notice when they do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT

# In a process of its own: import-linter imports the packages it reads, and the saboteurs below are copies of ours.
LINT = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True, no_logo=True))
"""


def lint_imports(source: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT, str(ROOT / "pyproject.toml")],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_contracts_are_kept(tmp_path):
    linted = lint_imports(ROOT / "src", tmp_path)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "0 broken" in linted.stdout


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("types.py", "import rerank_model", "the guard never imports the model"),
        ("types.py", "def f():\n    from rerank_model import data", "the guard never imports the model"),
        ("verdict.py", "import torch", "torch stays inside the adapters"),
        ("brand_new.py", "from transformers import AutoModel", "torch stays inside the adapters"),
        ("checks/brand_new.py", "import pytest", "checks work without pytest"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(tmp_path, module, statement, contract):
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "rerank_guard" / module
    file.parent.mkdir(exist_ok=True)
    (file.parent / "__init__.py").touch()
    with file.open("a", encoding="utf-8") as out:
        out.write(f"\n{statement}\n")
    linted = lint_imports(source, tmp_path)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert f"{contract} BROKEN" in linted.stdout


def test_an_adapter_may_import_torch(tmp_path):
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    adapters = source / "rerank_guard" / "adapters"
    adapters.mkdir(exist_ok=True)
    (adapters / "__init__.py").touch()
    (adapters / "brand_new.py").write_text("import torch\nimport torch.nn\n")
    linted = lint_imports(source, tmp_path)
    assert linted.returncode == 0, linted.stdout + linted.stderr
