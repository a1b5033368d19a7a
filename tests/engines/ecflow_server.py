"""Real ecflow_servers, each in a directory of its own, and tasks for them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
_POLL = 0.02  # seconds
_PORTS = range(20000, 32000)
"""Of those that the server takes, the ones that no outgoing connection gets."""

HEAD = """\
export ECF_PORT=%ECF_PORT% ECF_HOST=127.0.0.1 ECF_NAME=%ECF_NAME% ECF_PASS=%ECF_PASS% ECF_TRYNO=%ECF_TRYNO%
export ECF_RID=$$ ECF_TIMEOUT=20 ECF_ZOMBIE_TIMEOUT=20
ecflow_client --init=$$
trap 'ecflow_client --abort=trap; trap - 0 1 2 15; exit 0' 0 1 2 15
set -e
"""
TAIL = """\
ecflow_client --complete
trap - 0 1 2 15
"""


def programs() -> str:
    """Return the path of ecflow_server, or fail: the tests are nothing without it."""
    found = shutil.which("ecflow_server", path=_SEARCH)
    assert found, "ecflow_server is missing: scripts/debian-packages ecflow-server ecflow-client python3-ecflow"
    return found


def free_port() -> int:
    """A TCP port that the server takes and that nobody listens on."""
    for port in random.sample(_PORTS, 50):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def _crypt(password: str, user: str) -> str:
    """Return a password as the server wants it, made by perl: Python's own crypt is gone from 3.13."""
    made = subprocess.run(
        ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password, user], capture_output=True, text=True, check=True
    )
    return made.stdout


class RefusedError(Exception):
    """What the server answered to a command that it did not carry out."""


class EcflowServer:
    """One server.

    Args:
        directory: Its ECF_HOME, with scripts, jobs, output, log and checkpoint.
        port: Its port.
        passwords: Users and their passwords, if it shall ask for them.
    """

    def __init__(self, directory: Path, *, port: int | None = None, passwords: dict[str, str] | None = None) -> None:
        self.directory = directory
        self.port = port or free_port()
        self.include = directory / "include"
        self._process: subprocess.Popen[bytes] | None = None
        self._passwords = passwords
        self._started = 0
        directory.mkdir(exist_ok=True)
        self.include.mkdir(exist_ok=True)
        (self.include / "head.h").write_text(HEAD)
        (self.include / "tail.h").write_text(TAIL)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it wrote about itself."""
        return next(self.directory.glob("*.ecf.log")).read_text(errors="replace")

    @property
    def variables(self) -> str:
        """Lines for a suite whose tasks shall run: they find their includes and are not tried twice."""
        return f"  edit ECF_INCLUDE '{self.include}'\n  edit ECF_TRIES '1'\n"

    def start(self, *, halted: bool = False) -> None:
        """Start it from its checkpoint, if there is one, and wait until it answers; let it run unless `halted`."""
        while int(time.time()) == self._started:  # it tells its start in seconds: two within one look like one
            time.sleep(_POLL)
        self._started = int(time.time())
        environment = {
            "PATH": _SEARCH,
            "LANG": "C",
            "HOME": str(self.directory),
            "ECF_HOME": str(self.directory),
            "ECF_PORT": str(self.port),
        }
        if self._passwords is not None:
            environment["ECF_PASSWD"] = str(self._password_file())
        with (self.directory / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [programs(), "--port", str(self.port), "--ecfinterval", "1"],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait(self._answers)
        if not halted:
            self.command("CtsCmd", api_=2)

    def wait(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Look until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.running, (self.directory / "output").read_text(errors="replace")
            assert time.monotonic() < deadline, "it does not come so far"
            time.sleep(_POLL)

    def wait_for(self, path: str, state: str, seconds: float = 60) -> None:
        """Wait until a node is in a state."""
        self.wait(lambda: self.query("state", path) == state, seconds)

    def command(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a user's command in the server's own words and return the fields of its answer."""
        user, password = next(iter((self._passwords or {}).items()), ("tester", None))
        who = {"cereal_class_version": 0, "value0": {"cereal_class_version": 0, "cl_host_": "here"}, "user_": user}
        if password is not None:
            who["pswd_"] = _crypt(password, user)
        return self._send(kind, {"cereal_class_version": 0, "value0": who, **fields})

    def child(self, kind: str, task: tuple[str, str, str, int], **fields: Any) -> dict[str, Any]:
        """Send a child command: path, password, process, try."""
        path, password, process, tryno = task
        who = {
            "cereal_class_version": 0,
            "value0": {"cereal_class_version": 0, "cl_host_": "here"},
            "path_to_submittable_": path,
            "jobs_password_": password,
            "process_or_remote_id_": process,
            "try_no_": tryno,
        }
        return self._send(kind, {"cereal_class_version": 0, "value0": who, **fields})

    def query(self, kind: str, path: str, attribute: str = "") -> str:
        """Return what the server says of a node."""
        answer = self.command(
            "QueryCmd", query_type_=kind, path_to_attribute_=path, attribute_=attribute, path_to_task_=""
        )
        return str(answer["str_"])

    def definition(self) -> str:
        """Return the definition with all state, in the server's text."""
        answer = self.command(
            "CSyncCmd", api_=2, client_handle_=0, client_state_change_no_=0, client_modify_change_no_=0
        )
        return str(answer["value1"])

    def change(self) -> str:
        """Return its change numbers: those of states, and those of everything else."""
        words = dict(word.split(":", 1) for word in self.definition().split("\n")[1].split() if ":" in word)
        return f"{words.get('state_change', 0)}-{words.get('modify_change', 0)}"

    def suites(self) -> list[str]:
        """Return the names of its suites."""
        return list(self.command("CtsCmd", api_=11).get("suites_", []))

    def forget(self) -> None:
        """Remove its checkpoints while it does not run: it will know of nothing."""
        for file in self.directory.glob("*.check*"):
            file.unlink()

    def load(self, definition: str) -> None:
        """Load suites."""
        self.command("LoadDefsCmd", force_=True, defs_=definition, defs_filename_="")

    def begin(self, suite: str) -> None:
        """Play a suite."""
        self.command("BeginCmd", suiteName_=suite, force_=False)

    def delete(self, path: str) -> None:
        """Delete a node, whatever runs in it."""
        self.command("DeleteCmd", paths_=[path], force_=True)

    def checkpoint(self) -> None:
        """Have it write its checkpoint now."""
        self.command("CheckPtCmd", mode_=3, check_pt_interval_=0, check_pt_save_time_alarm_=0)

    def script(self, path: str, body: str) -> Path:
        """Write the script of a task, between head and tail, and return its file."""
        file = self.directory / f"{path.strip('/')}.ecf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"%include <head.h>\n{body}\n%include <tail.h>\n")
        return file

    def terminate(self) -> None:
        """End it, and the jobs that it has left. A signal would only make it write its checkpoint."""
        if self._process is None:
            return
        if self.running:
            with contextlib.suppress(OSError, RefusedError, subprocess.TimeoutExpired):
                self.command("CtsCmd", api_=5)
                self._process.wait(5)
        self.kill()

    def kill(self) -> None:
        """End it as a crash does, and its jobs with it."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        """Keep it from doing anything, answering included."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self.running:
            os.kill(self.pid, signal.SIGCONT)

    def _password_file(self) -> Path:
        file = self.directory / "passwords"
        lines = [
            f"{user} {name} {self.port} {password}"
            for user, password in (self._passwords or {}).items()
            for name in ("127.0.0.1", "localhost", socket.gethostname())
        ]
        file.write_text("\n".join(["4.5.0", *lines, ""]))
        return file

    def _answers(self) -> bool:
        try:
            self.command("CtsCmd", api_=8)
        except (OSError, RefusedError):
            return False
        return True

    def _send(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        pointer = {"id": (1 << 31) + 1, "data": data}
        command = {"polymorphic_id": (1 << 31) + 1, "polymorphic_name": kind, "ptr_wrapper": pointer}
        body = json.dumps({"21ClientToServerRequest": {"cmd_": command}}).encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(b"%8x" % len(body) + body)
            answer = b"".join(iter(lambda: connection.recv(1 << 20), b""))
        if not answer:
            raise ConnectionResetError(f"no answer to {kind}")
        (reply,) = json.loads(answer[8:].decode(errors="replace")).values()
        fields: dict[str, Any] = reply["stc_cmd_"]["ptr_wrapper"]["data"]
        if reply["stc_cmd_"]["polymorphic_name"] == "ErrorCmd":
            raise RefusedError(fields["error_msg_"])
        return fields
