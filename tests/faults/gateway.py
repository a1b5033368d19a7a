"""Faults of the service itself, which each API is given."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from tests.faults import harm
from tests.faults.scenario import S, Scenario


def of_gateway(
    opens: Callable[[Path], S], *, rarely: Collection[str] = (), never: Collection[str] = ()
) -> tuple[Scenario[S], ...]:
    """The scenarios for a kind of site.

    Args:
        opens: Starts one.
        rarely: Names of those that only the long run has: the tests have something like it.
        never: Names of those that are left out.
    """
    every = (
        Scenario("a-worker-killed", "kill -9 of one gunicorn worker", harm.kill_one("worker"), opens, cuts=True),
        Scenario("all-workers-killed", "kill -9 of all gunicorn workers", harm.kill_all("worker"), opens, cuts=True),
        Scenario(
            "master-killed",
            "kill -9 of gunicorn's master; a supervisor starts it again",
            harm.kill_service,
            opens,
            reads_go_on=False,
            writes_go_on=False,
            cuts=True,
        ),
        Scenario(
            "everything-killed",
            "kill -9 of master and workers at once; a supervisor starts it again",
            harm.kill_everything,
            opens,
            reads_go_on=False,
            writes_go_on=False,
            cuts=True,
        ),
        Scenario("a-worker-stopped", "SIGSTOP of one worker", harm.stop_one("worker"), opens, writes_go_on=False),
    )
    return tuple(replace(one, long=one.name in rarely) for one in every if one.name not in never)
