"""The first processes of a job: one, or one per task.

They are forked before the job is recorded as running and wait at a gate; what the job asked for is executed only after
that record is on disk. Each is the leader of a session of its own and dies with the runner.
"""

from __future__ import annotations

import errno
import os
import resource
import signal

from opsgate.backends.jobs import database, linux, tree
from opsgate.backends.jobs.layout import SPEC, STDERR, STDOUT, WORK, Layout, root_of
from opsgate.backends.jobs.runner.ears import TOLD_TO_END
from opsgate.backends.jobs.runners import LOOK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from opsgate.backends.jobs.runner.channel import Channel

CHANNEL_FD = 3  # in the job
NOT_FOUND, NOT_EXECUTABLE = 127, 126
_CHILD = __file__.rpartition("/")[0] + "/../child/__main__.py"
_OPEN = b"g"
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_HEARD_BY_RUNNER = (*TOLD_TO_END, LOOK, signal.SIGCHLD)


class Outputs:
    """The files a job writes to.

    Args:
        paths: One, or two where standard error has its own.
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        self.fds = [_open_output(path) for path in paths]

    def become_standard(self) -> None:
        """Make them this process' standard output and error."""
        os.dup2(self.fds[0], 1)
        os.dup2(self.fds[-1], 2)

    def close(self) -> None:
        """Leave them to the job."""
        for fd in self.fds:
            os.close(fd)


def open_outputs(spec: Mapping[str, Any], job_dir: str) -> Outputs:
    """Open the output files, and make the directory to run in, as soon as there is room for them."""

    def attempt() -> Outputs:
        os.makedirs(f"{job_dir}/{WORK}", mode=0o700, exist_ok=True)  # noqa: PTH103 - no pathlib in runners
        return Outputs([f"{job_dir}/{name}" for name in ((STDOUT,) if spec["merge_output"] else (STDOUT, STDERR))])

    return database.insist(Layout(root_of(job_dir)), attempt)


class Firsts:
    """Forks them.

    Args:
        spec: What to run, as in spec.json.
        job_dir: The job's directory.
        job_id: The job.
        outputs: Where they write.
        channel: The channel to the runner, of a Python job.

    Raises:
        OSError: No more processes are to be had.
    """

    def __init__(
        self, spec: Mapping[str, Any], job_dir: str, job_id: str, outputs: Outputs, channel: Channel | None
    ) -> None:
        self._spec, self._dir, self._id, self._outputs, self._channel = spec, job_dir, job_id, outputs, channel
        gate, self._gate = os.pipe()
        self.troubles, self._trouble = os.pipe()  # ends, without a word, when each of them was executed
        os.set_blocking(self.troubles, False)
        self.pids: list[int] = []
        # What is sent to them before they have forgotten the runner's handlers must wait, or it would do nothing.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD_BY_RUNNER)
        try:
            self._fork_all(gate)
        except OSError:
            self.abandon()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD_BY_RUNNER)
            os.close(gate)
            os.close(self._trouble)
            outputs.close()
            if channel is not None:
                channel.close_theirs()

    def _fork_all(self, gate: int) -> None:
        runner = os.getpid()
        for rank in range(self._spec["tasks"]):
            self.pids.append(os.fork() or self._become(rank, gate, runner))

    def release(self) -> None:
        """Let them go."""
        try:
            os.write(self._gate, _OPEN * len(self.pids))
        except BrokenPipeError:  # somebody killed all of them while they waited
            return
        finally:
            os.close(self._gate)

    def abandon(self) -> None:
        """Let them end without having executed anything."""
        os.close(self._gate)

    def read_trouble(self) -> tuple[bool, str]:
        """Return whether all of them are past it, and what any of them said about why it cannot be executed."""
        text = b""
        while True:
            try:
                chunk = os.read(self.troubles, 4096)
            except BlockingIOError:
                return False, text.decode()
            if not chunk:
                return True, text.decode()
            text += chunk

    def _become(self, rank: int, gate: int, runner: int) -> int:
        status = NOT_EXECUTABLE
        try:
            linux.die_with_parent(signal.SIGKILL)
            os.setsid()
            _forget_signals()
            os.close(self._gate)
            if os.getppid() == runner and os.read(gate, 1) == _OPEN:
                self._execute(rank)
            status = 0
        except BaseException as error:
            status, text = _trouble(error)
            os.write(self._trouble, f"task {rank}: {text}\n".encode(errors="replace"))
        finally:
            os._exit(status)

    def _execute(self, rank: int) -> None:
        argv, environment = _command(self._spec, self._dir), dict(self._spec["environment"])
        environment |= {tree.NAME: self._id, tree.MARK: tree.mark(self._dir)}
        if self._spec.get("rank_variable"):
            environment[self._spec["rank_variable"]] = str(rank)
        self._outputs.become_standard()
        _enter(self._spec, self._dir)
        _limit_memory(self._spec)
        if self._channel is not None:
            self._trouble = _keep_off(CHANNEL_FD, self._trouble)
            os.dup2(self._channel.theirs, CHANNEL_FD)
            os.set_inheritable(CHANNEL_FD, True)  # dup2 leaves a descriptor alone that has the right number already
        _execute(argv, environment)


def _open_output(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _command(spec: Mapping[str, Any], job_dir: str) -> list[str]:
    run = spec["run"]
    if run["kind"] == "command":
        return list(run["argv"])
    return [spec["interpreter"], _CHILD, f"{job_dir}/{SPEC}", str(CHANNEL_FD)]


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for signum in (*_IGNORED_BY_PYTHON, *_HEARD_BY_RUNNER):
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _enter(spec: Mapping[str, Any], job_dir: str) -> None:
    try:
        os.chdir(spec.get("directory") or f"{job_dir}/{WORK}")
    except OSError as error:
        fallback = spec.get("fallback_directory")
        if not fallback:
            raise
        os.write(2, f"{error.strerror}: {error.filename}; running in {fallback}\n".encode())
        os.chdir(fallback)


def _limit_memory(spec: Mapping[str, Any]) -> None:
    if spec["limits"].get("memory"):
        resource.setrlimit(resource.RLIMIT_AS, (spec["limits"]["memory"],) * 2)


def _keep_off(fd: int, used: int) -> int:
    return os.dup(used) if used == fd else used


def _execute(argv: list[str], environment: dict[str, str]) -> None:
    failure: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    for program in _candidates(argv[0], environment.get("PATH", os.defpath)):
        try:
            os.execve(program, argv, environment)  # noqa: S606 - that is the job
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:  # a later directory may have one that can be executed
            failure = error
    raise failure


def _candidates(program: str, path: str) -> Iterator[str]:
    if "/" in program:
        yield program
    else:
        yield from (f"{directory or '.'}/{program}" for directory in path.split(":"))


def _trouble(error: BaseException) -> tuple[int, str]:
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return NOT_FOUND if error.errno == errno.ENOENT else NOT_EXECUTABLE, f"{name}{error.strerror}"
    return NOT_EXECUTABLE, f"{type(error).__name__}: {error}"
