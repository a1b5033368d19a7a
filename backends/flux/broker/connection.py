"""The one thread of this process that talks to the broker.

It runs Flux's own reactor, so any number of requests are under way at once, and jobs that are submitted together reach
the broker together. A handle belongs to the thread that opened it: this one opens its own, with the first request,
which in a web worker comes after the fork. A handle that is lost is dropped with all that was open on it; another one
is tried at once for whoever asks, and every second for nobody in particular.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from opsgate.backends.calls import Calls
from opsgate.backends.errors import Timeout
from opsgate.backends.flux.broker import bindings, faults
from opsgate.backends.flux.broker.bindings import Bindings, Handle, Pending
from opsgate.backends.flux.broker.talks import Question, Talk

T = TypeVar("T")
SECONDS: Final = 10.0
"""How long an answer may take, if nobody says."""
_PAUSE_MS: Final = 1000
_PATIENCE: Final = 2.0
"""Seconds for the thread to end: connecting to a broker that hangs takes as long as that does."""
_READABLE: Final = 1
"""Flux's number for it, the same as poll's."""
_Act = Callable[[Handle, Bindings], None]


@dataclass(frozen=True)
class Instance:
    """The instance at the other end.

    Attributes:
        version: Flux's version.
        size: How many brokers it has.
        broker: The process id of the broker that is connected to, on this machine.
        uri: Its address.
        started: When the instance started, as it says itself.
    """

    version: str
    size: int
    broker: int
    uri: str
    started: str


class Listener(Protocol):
    """Something that goes on as long as there is a connection. All of it is called in the connection's thread."""

    def connected(self, connection: Connection, instance: Instance) -> None:
        """Begin; there is a new connection."""

    def lost(self, error: OSError) -> None:
        """End; there is none any more, or there could be none."""


MakeListener = Callable[[asyncio.AbstractEventLoop], Listener]


class Connection:
    """Asks a broker. May be made anywhere; belongs to the process that first asks.

    Args:
        uri: Where the broker is; where Flux looks for it, without one.
        seconds: How long an answer may take.

    Attributes:
        calls: The requests that were sent and have one answer.
    """

    def __init__(self, uri: str | None = None, seconds: float = SECONDS) -> None:
        self.calls = Calls("flux")
        self._uri = uri or None
        self.seconds = seconds
        self._posted: deque[Talk | _Act] = deque()
        self._open: set[Talk] = set()
        self._answered: list[Pending] = []
        self._makers: list[MakeListener] = []
        self._listeners: list[Listener] = []
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._bell = -1
        self._closing = False
        self._why = OSError(errno.ENOTCONN, "Flux was not asked yet")
        self._handle: Handle = None
        self.instance: Instance | None = None

    def another(self) -> Connection:
        """Return another connection to the same broker, with a thread of its own."""
        return Connection(self._uri, self.seconds)

    def listen(self, make: MakeListener) -> None:
        """Have somebody told of all connections: made with the first request, in its event loop."""
        self._makers.append(make)

    async def ask(
        self,
        name: str,
        send: Callable[[Handle, Bindings], Pending],
        read: Callable[[Pending], T],
        *,
        doing: str,
        again: bool = True,
    ) -> T:
        """Send a request and return its answer.

        Args:
            name: What it is counted as: the topic of Flux's service.
            send: Sends it; called in the connection's thread.
            read: Reads the answer; as well.
            doing: What is wanted, for messages.
            again: Whether to try once more when the connection is lost meanwhile: what changes nothing may be repeated.

        Raises:
            EngineError: By the meaning of Flux's error; `OSError.errno` is its code.
        """
        return await self.calls.counted(name, self._ask(send, read, doing, again=again))

    async def _ask(
        self, send: Callable[[Handle, Bindings], Pending], read: Callable[[Pending], T], doing: str, *, again: bool
    ) -> T:
        try:
            return await self._once(send, read, doing)
        except OSError as error:
            if not (again and error.errno in faults.LOST):
                raise faults.meaning(error, doing) from error
        try:
            return await self._once(send, read, doing)
        except OSError as error:
            raise faults.meaning(error, doing) from error

    def post(self, talk: Talk | _Act) -> None:
        """Have something begun, or just called with the handle if there is one, in the connection's thread."""
        if self._thread is None:
            if not isinstance(talk, Talk):
                return
            self._start()
        self._posted.append(talk)
        os.eventfd_write(self._bell, 1)

    def hang_up(self, error: OSError) -> None:
        """Drop the connection, from its own thread: it is of no use."""
        self._why = error
        if self._handle is not None:
            self._handle.reactor_stop_error()

    async def aclose(self) -> None:
        """End the thread; one that a broker does not let go of ends with the process."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        self._closing = True
        os.eventfd_write(self._bell, 1)
        await asyncio.to_thread(thread.join, _PATIENCE)
        if not thread.is_alive():
            os.close(self._bell)
            self._closing = False

    async def _once(self, send: Callable[[Handle, Bindings], Pending], read: Callable[[Pending], T], doing: str) -> T:
        question = Question(send, read)
        self.post(question)
        try:
            async with asyncio.timeout(self.seconds):
                return await question.answer
        except TimeoutError as error:
            raise Timeout(f"{doing}: Flux did not answer within {self.seconds:g} seconds") from error

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                bindings.load()
                loop = asyncio.get_running_loop()
                self._listeners = [make(loop) for make in self._makers]
                self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                self._thread = threading.Thread(target=self._run, name="flux", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        known = bindings.load()
        while not self._closing:
            handle = self._connect(known)
            if handle is None:
                self._refuse(self._why)
                self._sleep()
            elif not self._closing:  # it may have taken long
                self._serve(handle, known)
            del handle
        self._refuse(OSError(errno.ENOTCONN, "This process stops"))

    def _connect(self, known: Bindings) -> Handle | None:
        try:
            handle = known.open(self._uri)
            self.instance = _instance(handle)
        except OSError as error:
            self._why = OSError(errno.ENOTCONN, error.strerror or str(error))
            return None
        return handle

    def _serve(self, handle: Handle, known: Bindings) -> None:
        self._why = OSError(errno.ECONNRESET, "The connection to the broker was lost")
        self._handle = handle
        bell = handle.fd_watcher_create(self._bell, lambda *_: self._heard(handle, known), events=_READABLE)
        bell.start()
        assert self.instance is not None  # noqa: S101 - for the types: it is connected
        for listener in self._listeners:
            listener.connected(self, self.instance)
        try:
            self._take_up(handle, known)
            handle.reactor_run()
        except OSError as error:
            self._why = OSError(error.errno, error.strerror)  # the error itself would keep this frame, and the handle
        self._handle = None
        known.end_watching(bell)
        self._drop(known)

    def _heard(self, handle: Handle, known: Bindings) -> None:
        self._silence()
        self._release(known)
        self._take_up(handle, known)
        if self._closing:
            handle.reactor_stop()

    def _take_up(self, handle: Handle, known: Bindings) -> None:
        while self._posted:
            talk = self._posted.popleft()
            if isinstance(talk, Talk):
                talk.on_over = self._end
                self._open.add(talk)
                talk.begin(handle, known)
            else:
                talk(handle, known)

    def _drop(self, known: Bindings) -> None:
        """Fail all that is open, and let go of it: a handle is closed when nothing refers to it any more."""
        self.instance = None
        for talk in list(self._open):
            talk.fail(self._why)
        self._release(known)
        for listener in self._listeners:
            listener.lost(self._why)

    def _end(self, talk: Talk, pending: Pending) -> None:
        self._open.discard(talk)
        if pending is not None:
            self._answered.append(pending)

    def _release(self, known: Bindings) -> None:
        while self._answered:
            known.release(self._answered.pop())

    def _refuse(self, error: OSError) -> None:
        while self._posted:
            talk = self._posted.popleft()
            if isinstance(talk, Talk):
                talk.fail(error)
        for listener in self._listeners:
            listener.lost(error)

    def _sleep(self) -> None:
        if not self._posted and not self._closing:
            poll = select.poll()
            poll.register(self._bell, select.POLLIN)
            poll.poll(_PAUSE_MS)
        self._silence()

    def _silence(self) -> None:
        try:
            os.eventfd_read(self._bell)
        except BlockingIOError:
            return


def _instance(handle: Handle) -> Instance:
    def attribute(name: str) -> str:
        try:
            return str(handle.attr_get(name))
        except OSError:
            return ""

    return Instance(
        version=attribute("version"),
        size=int(attribute("size") or 0),
        broker=int(attribute("broker.pid") or 0),
        uri=attribute("local-uri"),
        started=attribute("broker.starttime"),
    )
