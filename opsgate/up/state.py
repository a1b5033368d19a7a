"""The private state directory of `opsgate up`."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opsgate.config import ConfigError

LOCK_DESCRIPTOR: Final = 3
"""supervisord closes inherited descriptors from 5 on, and those from 3 on in its children: this one it alone keeps."""
_LONGEST_SOCKET_PATH: Final = 107  # bytes in sockaddr_un, less the closing NUL


@dataclass(frozen=True)
class StateDir:
    """Where the parts of a state directory lie."""

    root: Path

    @property
    def programs(self) -> Path:
        """The directory of the user's supervisord sections."""
        return self.root / "programs"

    @property
    def rules(self) -> Path:
        """The directory of the user's Supvisors rules files."""
        return self.root / "rules"

    @property
    def logs(self) -> Path:
        """The directory of log files."""
        return self.root / "log"

    @property
    def jobs(self) -> Path:
        """The state directory of the job engine."""
        return self.root / "jobs"

    @property
    def ecflow(self) -> Path:
        """The ECF_HOME of the private ecflow_server."""
        return self.root / "ecflow"

    @property
    def redengine(self) -> Path:
        """The session of the Red Engine API."""
        return self.root / "redengine"

    @property
    def socket(self) -> Path:
        """The socket file of supervisord."""
        return self.root / "run" / "supervisor.sock"

    @property
    def pid_file(self) -> Path:
        """The file with the process id of supervisord."""
        return self.root / "run" / "supervisord.pid"

    @property
    def disabilities(self) -> Path:
        """Where Supvisors keeps which programs are disabled."""
        return self.root / "disabilities.json"

    @property
    def supervisord_conf(self) -> Path:
        """The configuration of supervisord."""
        return self.root / "supervisord.conf"

    @property
    def gateway_toml(self) -> Path:
        """The configuration of the gateway."""
        return self.root / "gateway.toml"


def default_root() -> Path:
    """``$XDG_STATE_HOME/opsgate``, by default ``~/.local/state/opsgate``."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "opsgate"


def prepare(root: Path) -> StateDir:
    """Create the directory where needed, and make it private.

    Raises:
        ConfigError: It cannot be made, belongs to somebody else, or its path is too long for a socket file.
    """
    state = StateDir(root.absolute())
    if len(os.fsencode(state.socket)) > _LONGEST_SOCKET_PATH:
        raise ConfigError(f"state directory: {state.root} is too long a path for a socket file; choose a shorter one")
    try:
        for directory in (state.root, state.programs, state.rules, state.logs, state.socket.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if state.root.stat().st_uid != os.geteuid():
            raise ConfigError(f"state directory: {state.root} belongs to somebody else")
        state.root.chmod(0o700)
    except OSError as exc:
        raise ConfigError(f"state directory: {exc}") from exc
    return state


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def lock(state: StateDir) -> None:
    """Hold the directory for this process and the program it becomes.

    By a lock that nobody inherits: what Supvisors has forked outlives a supervisord that is killed for some seconds.

    Raises:
        ConfigError: Another `opsgate up` runs on it.
    """
    descriptor = os.open(state.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if descriptor == LOCK_DESCRIPTOR:
        os.set_inheritable(descriptor, True)
    else:
        os.dup2(descriptor, LOCK_DESCRIPTOR, inheritable=True)
        os.close(descriptor)  # now: closed later, it would take the lock with it
    try:
        fcntl.lockf(LOCK_DESCRIPTOR, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"state directory: another `opsgate up` runs on {state.root}") from None
