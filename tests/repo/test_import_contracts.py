"""The import contracts of pyproject.toml hold, and they notice when they do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT

# In a process of its own: import-linter imports the packages it reads, and the broken ones below are copies of ours.
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


BROKEN = [
    ("core/types.py", "import rerank_model", "the guard never imports the model"),
    ("core/types.py", "def f():\n    from rerank_model import data", "the guard never imports the model"),
    ("core/verdict.py", "import torch", "torch stays inside the adapters"),
    ("checks/data/brand_new.py", "import pytest", "checks and suite work without pytest"),
    ("core/stage.py", "from rerank_guard.stats import bets", "the guard's layers"),
    ("brand_new/module.py", "x = 1", "the guard's layers"),
    ("suite/brand_new.py", "from rerank_guard.report import text", "the guard's layers"),
]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """One copy of the sources with all the forbidden imports, linted once."""
    directory = tmp_path_factory.mktemp("broken")
    source = directory / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    for module, statement, _ in BROKEN:
        file = source / "rerank_guard" / module
        file.parent.mkdir(exist_ok=True)
        (file.parent / "__init__.py").touch()
        with file.open("a", encoding="utf-8") as out:
            out.write(f"\n{statement}\n")
    linted = lint_imports(source, directory)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    return linted.stdout


@pytest.mark.parametrize("contract", sorted({contract for _, _, contract in BROKEN}))
def test_a_forbidden_import_breaks_its_contract(broken, contract):
    assert f"{contract} BROKEN" in broken


@pytest.mark.parametrize("module", sorted({module for module, _, _ in BROKEN}))
def test_the_module_of_a_forbidden_import_is_named(broken, module):
    dotted = f"rerank_guard.{module.removesuffix('.py').replace('/', '.')}"
    reported = broken.partition("Broken contracts")[2]
    assert dotted in reported or dotted.rpartition(".")[0] in reported.split()  # a folder that no layer declares


def test_an_adapter_may_import_torch(tmp_path):
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    adapters = source / "rerank_guard" / "adapters"
    adapters.mkdir(exist_ok=True)
    (adapters / "__init__.py").touch()
    (adapters / "brand_new.py").write_text("import torch\nimport torch.nn\n")
    linted = lint_imports(source, tmp_path)
    assert linted.returncode == 0, linted.stdout + linted.stderr
