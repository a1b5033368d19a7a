"""Faults of the Supvisors API: the gateway, and the supervisord behind it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

from tests.engines.supervisord import Supervisord, single
from tests.faults import harm
from tests.faults.behind import EngineSite, kill_engine, stranger
from tests.faults.clients import Answer, Request, Stream, Written
from tests.faults.gateway import of_gateway
from tests.faults.scenario import Scenario
from tests.faults.site import Account
from tests.faults.slots import Slots

_SLOTS = 100
_PROGRAM = """
[program:mark]
command = /bin/sh -c "echo %(process_num)d >> {marks}"
process_name = %(process_num)d
numprocs = {number}
autostart = false
autorestart = false
startsecs = 0
stopsignal = WINCH
stdout_logfile = NONE
stderr_logfile = NONE
"""
"""Each writes its number and ends. What supervisord sends those that still run when it is restarted ends none."""


class SupvisorsSite(EngineSite):
    """`opsgate supvisors` in front of a supervisord; each write starts a process, which leaves a mark that it ran."""

    def __init__(self, directory: Path) -> None:
        """Start both."""
        marks, programs = directory / "marks", directory / "programs.conf"
        programs.write_text(_PROGRAM.format(marks=marks, number=_SLOTS))
        (directory / "s").mkdir()
        self.daemon = _daemon(directory / "s", programs)
        self.daemon.start()
        self._slots = Slots(marks, _SLOTS)
        self._reads = itertools.cycle(
            ["/supervisor/getState", "/supervisor/getProcessInfo/mark:0", "/supvisors/supvisors_state"]
        )
        super().__init__(
            directory,
            self.daemon,
            ["supvisors", f"--supervisor_url={self.daemon.url}"],
            {"OPSGATE_SUPVISORS_TIMEOUT": "2"},
        )

    @property
    def place(self) -> str:
        """The daemon's socket file."""
        return self.daemon.url.removeprefix("unix://")

    def read(self) -> Request:
        """The state of the daemon, of a process, of Supvisors."""
        return Request("GET", next(self._reads))

    def write(self, key: str) -> Request:
        """A process that is started."""
        return Request("POST", f"/supervisor/startProcess/mark:{self._slots.take(key)}?wait=false")

    def is_documented(self, answer: Answer) -> bool:
        """Whether it is an object with a message."""
        return answer.has_texts("message")

    def account(self, written: Written) -> Account:
        """Compare what was started with the marks."""
        account = self._slots.account(written)
        self.rest()
        return account

    def restart_engine(self) -> None:
        """Have the daemon restart itself, asked by its port, and wait until it is back."""
        before = self.daemon.log.count("supervisord started with pid")
        with ServerProxy(self.daemon.http_url) as proxy:
            assert proxy.supervisor.restart() is True
        self.daemon.wait(lambda: self.daemon.log.count("supervisord started with pid") > before)
        self.daemon.wait(lambda: self.daemon.call("supervisor.getState")["statename"] == "RUNNING")


def _daemon(directory: Path, programs: Path) -> Supervisord:
    daemon = single(directory)
    return Supervisord(directory, supvisors=daemon.supvisors, programs=programs, port=daemon.port, psutil=False)


@contextmanager
def _restart(site: SupvisorsSite) -> Iterator[None]:
    site.restart_engine()
    yield


@contextmanager
def _socket_removed(site: SupvisorsSite) -> Iterator[None]:
    Path(site.place).unlink()
    yield
    site.restart_engine()


def _away(stream: Stream) -> bool:
    return stream.statuses[503] > 1


def _silent(stream: Stream) -> bool:
    return stream.statuses[504] > 1


def _broken(stream: Stream) -> bool:
    return stream.statuses[502] > 1


SCENARIOS: tuple[Scenario[Any], ...] = (
    *of_gateway(SupvisorsSite, rarely={"master-killed"}),
    Scenario(
        "engine-killed",
        "kill -9 of supervisord; a supervisor starts it again",
        kill_engine,
        SupvisorsSite,
        lasts=_away,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario(
        "engine-restarted", "`supervisor.restart`: supervisord restarts itself", _restart, SupvisorsSite, lasts=_away
    ),
    Scenario(
        "engine-stopped",
        "SIGSTOP of supervisord",
        harm.stop_one("engine"),
        SupvisorsSite,
        lasts=_silent,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario(
        "socket-removed",
        "supervisord's socket file is removed; it is restarted",
        _socket_removed,
        SupvisorsSite,
        lasts=_away,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario(
        "socket-taken",
        "supervisord is killed, and another program answers at its socket file; a supervisor starts it again",
        stranger,
        SupvisorsSite,
        lasts=_broken,
        reads_go_on=False,
        writes_go_on=False,
    ),
)
