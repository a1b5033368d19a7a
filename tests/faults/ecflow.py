"""Faults of the ecFlow API: the gateway, and the ecflow_server behind it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opsgate import tokens
from tests.engines.ecflow_server import EcflowServer
from tests.faults import harm
from tests.faults.behind import EngineSite, kill_engine, stranger
from tests.faults.clients import Answer, Request, Stream, Written, asked
from tests.faults.gateway import of_gateway
from tests.faults.scenario import Scenario
from tests.faults.site import Account
from tests.faults.slots import Slots

_SLOTS = 400
_SUITE = """
suite s
  edit ECF_NO_SCRIPT '1'
  edit ECF_JOB_CMD 'echo %TASK% | tr -d t >> {marks}'
  family f
    defstatus suspended
{tasks}
  endfamily
endsuite
suite kept
endsuite
suite quiet
  family f
    task t
      meter m 0 100
  endfamily
endsuite
"""
"""The tasks of `s` run when somebody has them run: their number is all that a job writes, without a script."""
_ALWAYS = {"mode_": 2, "check_pt_interval_": 0, "check_pt_save_time_alarm_": 0}


class EcflowSite(EngineSite):
    """`opsgate ecflow` in front of a server that writes its checkpoint with every change, as that of `opsgate up` does.

    Each second write adds a variable, which must be there; the others run a task, which leaves a mark that it ran.
    """

    saves = True

    def __init__(self, directory: Path) -> None:
        """Start both."""
        marks, tokens_file = directory / "marks", directory / "tokens.json"
        self.server = EcflowServer(directory / "server")
        self.start_engine()
        tasks = "\n".join(f"    task t{number}" for number in range(_SLOTS))
        self.server.load(_SUITE.format(marks=marks, tasks=tasks))
        self.server.begin("s")
        self.server.checkpoint()
        self._token = {"Authorization": f"Bearer {tokens.create(tokens_file, 'tests')}"}
        self._slots, self._turn = Slots(marks, _SLOTS), itertools.count()
        self._reads = itertools.cycle(
            ["/v1/suites", "/v1/suites/quiet/tree?content=full", "/v1/suites/quiet/f/t/status", "/v1/server/status"]
        )
        self._sent: dict[str, float] = {}
        environment = {
            "ECF_HOST": "127.0.0.1",
            "ECF_PORT": str(self.server.port),
            "ECF_RESTAPI_TOKENS_FILE": str(tokens_file),
            "ECF_RESTAPI_POLLING_INTERVAL": "1",
            "OPSGATE_ECFLOW_TIMEOUT": "2",
            "OPSGATE_ECFLOW_STATE_DIR": str(directory / "common"),
        }
        super().__init__(directory, self.server, ["ecflow", "--no_ssl"], environment)

    @property
    def place(self) -> int:
        """The server's port."""
        return self.server.port

    def start_engine(self) -> None:
        """Start the server from its checkpoint."""
        self.server.start()
        if self.saves:
            self.server.command("CheckPtCmd", **_ALWAYS)

    def read(self) -> Request:
        """What the service knows, and what it asks the server each time."""
        return Request("GET", next(self._reads))

    def write(self, key: str) -> Request:
        """A variable that is added, or a task that is run."""
        if next(self._turn) % 2:
            return self._request("PUT", f"/suites/s/f/t{self._slots.take(key)}/status", {"action": "execute"})
        self._sent[key] = time.monotonic()
        return self._request("POST", "/suites/kept/attributes", {"type": "variable", "name": _name(key), "value": key})

    def is_documented(self, answer: Answer) -> bool:
        """Whether it is an object that says what failed of which request."""
        return answer.has_texts("message", "path", "method")

    def account(self, written: Written) -> Account:
        """Compare what was run with the marks, and what was added with what is there."""
        runs = [key for key in written.acknowledged if key not in self._sent]
        account = self._slots.account(Written(runs, written.unknown))
        self.rest()
        self.server.command(
            "RequeueNodeCmd", paths_=["/s/f"], option_=2
        )  # a task that was submitted runs no second time
        there = self.variables()
        account.lost += [
            key
            for key in written.acknowledged
            if key in self._sent and _name(key) not in there and self.promised(key, self._sent[key])
        ]
        return account

    def promised(self, key: str, sent: float) -> bool:  # noqa: ARG002 - others promise less
        """Whether a variable that was acknowledged must be there now; `sent` is when it was asked for."""
        return True

    def variables(self) -> set[str]:
        """The names of the variables that are there."""
        answer = asked(self, Request("GET", "/v1/suites/kept/attributes"))
        assert answer.succeeded, answer
        return {variable["name"] for variable in json.loads(answer.body)["variables"]}

    def restart_engine(self) -> None:
        """End the server as its operator does, and start it again."""
        self.server.command("CtsCmd", api_=5)
        harm.wait(lambda: not self.server.running)
        self.start_engine()

    def _request(self, method: str, path: str, body: object) -> Request:
        return Request(method, f"/v1{path}", body, self._token)


class UnsavedSite(EcflowSite):
    """The same in front of a server as it is: it writes its checkpoint when told, or every two minutes."""

    saves = False

    def __init__(self, directory: Path) -> None:
        """Start both."""
        self._saved: set[str] = set()
        self._back = 0.0
        super().__init__(directory)

    def save(self) -> None:
        """Have the server write its checkpoint, through the service."""
        self._saved = self.variables()
        assert asked(self, self._request("PUT", "/server/status", {"action": "checkpoint"})).succeeded

    def start_engine(self) -> None:
        """See `EcflowSite`."""
        super().start_engine()
        self._back = time.monotonic()

    def promised(self, key: str, sent: float) -> bool:
        """What was there before the checkpoint, and what came after the server was back."""
        return _name(key) in self._saved or sent > self._back


def _name(key: str) -> str:
    return f"K{key.replace('-', '_')}"


@contextmanager
def _restart(site: EcflowSite) -> Iterator[None]:
    site.restart_engine()
    yield


@contextmanager
def _kill_unsaved(site: UnsavedSite) -> Iterator[None]:
    site.save()
    known = site.variables()
    harm.wait(lambda: len(site.variables()) > len(known) + 2)
    with kill_engine(site):
        yield


def _away(stream: Stream) -> bool:
    return stream.statuses[502] > 1


def _silent(stream: Stream) -> bool:
    return stream.statuses[504] > 1


SCENARIOS: tuple[Scenario[Any], ...] = (
    *of_gateway(EcflowSite, rarely={"master-killed"}),
    Scenario(
        "engine-killed",
        "kill -9 of an ecflow_server that writes its checkpoint with every change; a supervisor starts it again",
        kill_engine,
        EcflowSite,
        lasts=_away,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario(
        "engine-killed-unsaved",
        "kill -9 of an ecflow_server some changes after its checkpoint, which are not counted as lost",
        _kill_unsaved,
        UnsavedSite,
        lasts=_away,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario("engine-restarted", "ecflow_server is ended by its client and started again", _restart, EcflowSite),
    Scenario(
        "engine-stopped",
        "SIGSTOP of ecflow_server",
        harm.stop_one("engine"),
        EcflowSite,
        lasts=_silent,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario(
        "port-taken",
        "ecflow_server is killed, and another program answers at its port; a supervisor starts it again",
        stranger,
        EcflowSite,
        lasts=_away,
        reads_go_on=False,
        writes_go_on=False,
    ),
)
