"""The runner proper: starts a job, stays with it, ends it when told to or when a limit says so, records how it went."""

from __future__ import annotations

import os
import select
import signal
import time

from opsgate.backends.jobs import database, locks
from opsgate.backends.jobs.layout import LOCK, Layout, id_of, root_of
from opsgate.backends.jobs.runner import ending
from opsgate.backends.jobs.runner.channel import Channel
from opsgate.backends.jobs.runner.ears import TOLD_TO_END, Ears
from opsgate.backends.jobs.runner.firsts import Firsts, open_outputs
from opsgate.backends.jobs.runner.limits import OutputLimit
from opsgate.backends.jobs.runner.stopping import Stopping
from opsgate.backends.jobs.runners import LOOK
from opsgate.backends.jobs.states import Cause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from opsgate.backends.jobs.runner.ledger import Ledger

_SECONDS_BETWEEN_TRIES = 0.05
_LONGEST_POLL = 24 * 3600 * 1000  # poll(2) takes no more than some 24 days
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


def run(job_dir: str, ledger: Ledger) -> list[str]:
    """Run the job of this directory, unless another process does or its turn has passed.

    Args:
        job_dir: The job's directory.
        ledger: Where it is kept.

    Returns:
        The ids of jobs that were claimed for the caller to start.
    """
    ears = Ears()  # before the lock: whoever sees the lock may send a signal
    layout = Layout(root_of(job_dir))
    while (lock := database.insist(layout, lambda: locks.hold(f"{job_dir}/{LOCK}"))) is None:
        if not ledger.is_wanted():
            return []
        time.sleep(_SECONDS_BETWEEN_TRIES)  # for another runner that came, and leaves, in vain
    record = None
    while record is None:
        spec = ledger.load()
        if spec is None:
            return []
        locks.note(lock, ledger.note)
        record = Supervision(job_dir, spec, ledger, ears).run()
    database.insist(layout, lambda: ending.write(job_dir, record))
    return ledger.finish(record)


class Supervision:
    """One job, from its gate to its record."""

    def __init__(self, job_dir: str, spec: Mapping[str, Any], ledger: Ledger, ears: Ears) -> None:
        self._dir, self._spec, self._ledger, self._ears = job_dir, spec, ledger, ears
        self._limits: Mapping[str, Any] = spec["limits"]
        self._channel = None if spec["run"]["kind"] == "command" else Channel(ledger.report)
        self._outputs = open_outputs(spec, job_dir)
        self._limit: OutputLimit | None = None
        self._stopping: Stopping | None = None
        self._statuses: dict[int, int] = {}
        self._trouble = ""
        self._poll = select.poll()
        self._react: dict[int, Callable[[], None]] = {}

    def run(self) -> dict[str, object] | None:
        """Run the job.

        Returns:
            Its exit record; None if it was given back to the queue meanwhile.
        """
        try:
            database.insist(Layout(root_of(self._dir)), lambda: ending.reserve(self._dir))
            firsts = Firsts(self._spec, self._dir, id_of(self._dir), self._outputs, self._channel)
        except OSError as error:
            return {"cause": Cause.NOT_STARTED, "error": str(error)}
        if not self._ledger.begin(firsts.pids[0]):
            firsts.abandon()
            os.close(firsts.troubles)
            return {"cause": Cause.CANCELLED} if self._ledger.wish()[0] else None
        started = time.monotonic()
        self._listen(firsts)
        firsts.release()
        self._stay(firsts, started + self._limits["time"] if self._limits.get("time") else None)
        return self._record(firsts, time.monotonic() - started)

    def _listen(self, firsts: Firsts) -> None:
        self._hear(self._ears.fd, self._heed)
        self._hear(firsts.troubles, lambda: self._learn(firsts))
        if self._channel is not None:
            self._hear(self._channel.fd, self._serve)
        if self._limits.get("output"):
            self._limit = OutputLimit(self._outputs.paths, self._limits["output"])
            self._watch_limit(time.monotonic())

    def _stay(self, firsts: Firsts, deadline: float | None) -> None:
        while not self._is_over(firsts):
            now = time.monotonic()
            if self._stopping is not None:
                self._stopping.go_on(now)
            elif deadline is not None and now >= deadline:
                self._stop(Cause.TIMEOUT, self._limits.get("time_signal") or signal.SIGTERM)
            self._watch_limit(now)
            for fd, _ in self._poll.poll(self._milliseconds(now, deadline)):
                self._react[fd]()

    def _watch_limit(self, now: float) -> None:
        if self._limit is None or now < self._limit.look_again_at:
            return
        if self._limit.fd is None:
            self._weigh()
        else:
            self._hear(self._limit.fd, self._weigh)

    def _is_over(self, firsts: Firsts) -> bool:
        any_left = self._reap(firsts)
        if self._stopping is not None:
            return not any_left or self._stopping.is_hopeless(time.monotonic())
        return len(self._statuses) == len(firsts.pids)

    def _reap(self, firsts: Firsts) -> bool:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid in firsts.pids:
                self._statuses[pid] = status
            elif not pid:
                return True

    def _milliseconds(self, now: float, deadline: float | None) -> float | None:
        times = [] if deadline is None or self._stopping is not None else [deadline - now]
        if self._stopping is not None:
            times.append(self._stopping.seconds_left(now))
        if self._limit is not None and self._limit.fd not in self._react:
            times.append(self._limit.look_again_at - now)
        return min(max(0.0, min(times)) * 1000 + 1, _LONGEST_POLL) if times else None

    def _hear(self, fd: int, reaction: Callable[[], None]) -> None:
        if fd not in self._react:
            self._react[fd] = reaction
            self._poll.register(fd, _READABLE)

    def _ignore(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._react[fd]

    def _heed(self) -> None:
        signals = self._ears.read()
        if LOOK in signals:
            wanted, grace = self._ledger.wish()
            if wanted:
                self._stop(Cause.CANCELLED, signal.SIGTERM, grace)
        if signals.intersection(TOLD_TO_END):
            self._stop(Cause.INTERRUPTED, signal.SIGTERM)

    def _serve(self) -> None:
        if self._channel is not None and not self._channel.serve():
            self._ignore(self._channel.fd)

    def _learn(self, firsts: Firsts) -> None:
        done, text = firsts.read_trouble()
        self._trouble += text
        if done:
            self._ignore(firsts.troubles)

    def _weigh(self) -> None:
        if self._limit is None:
            return
        if self._limit.is_exceeded():
            self._limit.cut()
            if self._limits.get("output_action") != "discard":
                self._stop(Cause.OUTPUT, signal.SIGTERM)
        if self._limit.fd in self._react:
            self._ignore(self._limit.fd)

    def _stop(self, cause: Cause, signum: int, grace: float | None = None) -> None:
        grace = self._limits["grace"] if grace is None else grace
        if self._stopping is None:
            self._stopping = Stopping(cause, signum, grace)
        else:
            self._stopping.hasten(grace)

    def _record(self, firsts: Firsts, seconds: float) -> dict[str, object]:
        self._catch_up(firsts)
        statuses = [self._statuses[pid] for pid in firsts.pids if pid in self._statuses]
        record: dict[str, object] = {"duration": seconds} | ending.of_statuses(statuses)
        if self._trouble:
            record |= {"cause": Cause.NOT_STARTED, "error": self._trouble.strip()}
        if self._stopping is not None:
            record["cause"] = self._stopping.cause
        if self._limit is not None and self._limit.was_exceeded:
            record["output_cut"] = True
        return record if self._channel is None else record | self._channel.told

    def _catch_up(self, firsts: Firsts) -> None:
        # What came together with the end of the job, or while it was not looked at.
        if firsts.troubles in self._react:
            self._learn(firsts)
        if self._channel is not None and self._channel.fd in self._react:
            self._serve()
        if self._limit is not None and self._limit.is_exceeded():
            self._limit.cut()
