"""How pytest-xdist spreads a session in which the suite runs; imported only by its controller."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from rerank_guard.pytest_plugin.suite_items import GROUPED

__all__ = ["SuiteOnOneWorker"]


class SuiteOnOneWorker(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """The suite is one piece of work: one reranker is trained, once, and every verdict is of that one.

    The other tests are pieces as --dist says: of a file, a scope or a group, or each of its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.endswith(GROUPED):
            return GROUPED
        dist = self.config.getoption("dist")
        if dist == "loadscope":
            return nodeid.rsplit("::", 1)[0]
        if dist == "loadfile":
            return nodeid.split("::", 1)[0]
        if dist == "loadgroup" and nodeid.rfind("@") > nodeid.rfind("]"):
            return nodeid.split("@")[-1]
        return nodeid

    def remove_node(self, node: WorkerController) -> str | None:
        """Forget a worker. Where it died inside the suite, the rest of the suite is not run again elsewhere.

        Another worker would have to train another reranker, and one report would mix verdicts of two.
        """
        work = self.assigned_work[node]
        running = next((scope for scope, unit in work.items() if not all(unit.values())), None)
        if running != GROUPED:
            other: str | None = super().remove_node(node)
            return other
        crashed: str = next(nodeid for nodeid, completed in work.pop(GROUPED).items() if not completed)
        super().remove_node(node)
        return crashed.removesuffix(GROUPED)
