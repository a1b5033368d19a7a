"""What ecflow_server would die of, or take from anybody: refused before it is sent.

In a suite that has not begun there is no calendar, and the server asserts that there is one when a time is freed, or
queued anew: a node that is set complete may, by a repeat above it, have any other one queued anew. And two passwords
of jobs open every task: the one that tests of the server use, and the empty one of tasks that have no job.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opsgate.backends.ecflow.model import Node, Timed
from opsgate.backends.ecflow.port import Job
from opsgate.backends.errors import Conflict, Denied

_OPEN_PASSWORDS = ("", "_DJP_")
_OF_DAY = ("time", "today", "cron")


def refuse_open_password(job: Job) -> None:
    """Raise `Denied` for an ECF_PASS that no job has."""
    if job.password in _OPEN_PASSWORDS:
        raise Denied(f"ECF_PASS is not that of a job of {job.name}")


def refuse_completing(suite: Node) -> None:
    """Raise `Conflict` when nothing in a suite can be set complete because it has not begun."""
    if not may_complete(suite):
        raise Conflict(f"suite {suite.name} has times or crons and has not begun: begin it first")


def may_complete(suite: Node) -> bool:
    """Tell whether nodes of a suite may be set complete."""
    return suite.run.begun or not _has((node for _, node in suite.walk("")), _OF_DAY)


def refuse_freeing(lineage: Sequence[Node]) -> None:
    """Raise `Conflict` when the last node of `lineage` cannot be freed because its suite has not begun."""
    if not lineage[0].run.begun and _has(lineage[-1:], _OF_DAY):
        raise Conflict(f"suite {lineage[0].name} has not begun: begin it first")


def _has(nodes: Iterable[Node], kinds: Iterable[str]) -> bool:
    return any(one.kind in kinds for node in nodes for one in node.of(Timed))
