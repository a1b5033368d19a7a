"""What is said to a broker and heard from it: a question with one answer, and a request with many.

Each is begun, answered and failed in the connection's thread, and tells an event loop of another thread.
"""

from __future__ import annotations

import asyncio
import errno
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from opsgate.backends.flux.broker.bindings import Bindings, Handle, Pending

T = TypeVar("T")
END: Final = None
"""Behind the last answer of many."""
_NO_MORE: Final = errno.ENODATA
_NONSENSE: Final = errno.EPROTO


class Talk(ABC):
    """Something that is open until it has its last answer."""

    def __init__(self) -> None:
        self.is_over = False
        self.on_over: Callable[[Talk, Pending], None] = _nobody
        self._pending: Pending = None

    def begin(self, handle: Handle, bindings: Bindings) -> None:
        """Send it. Failures are told like answers."""
        try:
            self._pending = self.send(handle, bindings)
            if not self.is_over:
                self._pending.then(self._answered)
        except (OSError, ValueError, TypeError) as error:  # bindings raise the latter two for what they cannot encode
            self.fail(_as_os_error(error))

    @abstractmethod
    def send(self, handle: Handle, bindings: Bindings) -> Pending:
        """Send it."""

    @abstractmethod
    def hear(self, pending: Pending) -> None:
        """Take an answer; OSError is what Flux answers instead of one."""

    @abstractmethod
    def tell_failure(self, error: OSError) -> None:
        """Tell that there will be no, or no further, answer."""

    def fail(self, error: OSError) -> None:
        """End it without an answer."""
        if not self.is_over:
            self.end()
            self.tell_failure(error)

    def end(self) -> None:
        """Have no further answers."""
        self.is_over = True
        pending, self._pending = self._pending, None
        self.on_over(self, pending)

    def _answered(self, pending: Pending) -> None:
        if self.is_over:
            return
        try:
            self.hear(pending)
        except Exception as error:  # an answer that we misread must reach its asker, not Flux's reactor
            self.fail(_as_os_error(error))


class Question(Talk, Generic[T]):
    """A request with one answer.

    Args:
        ask: Sends it.
        read: Reads the answer.
    """

    def __init__(self, ask: Callable[[Handle, Bindings], Pending], read: Callable[[Pending], T]) -> None:
        super().__init__()
        self._ask, self._read = ask, read
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[T] = self._loop.create_future()

    def send(self, handle: Handle, bindings: Bindings) -> Pending:
        """See `Talk`."""
        return self._ask(handle, bindings)

    def hear(self, pending: Pending) -> None:
        """See `Talk`."""
        found = self._read(pending)
        self.end()
        _tell(self._loop, self._set, found, None)

    def tell_failure(self, error: OSError) -> None:
        """See `Talk`."""
        _tell(self._loop, self._set, None, error)

    def _set(self, found: Any, error: OSError | None) -> None:
        if self.answer.done():  # nobody waits any more
            return
        if error is None:
            self.answer.set_result(found)
        else:
            self.answer.set_exception(error)


class Subscription(Talk):
    """A request with many answers.

    Args:
        topic: Which service it is for.
        payload: What it is asked.
        nodeid: The rank of the broker that is asked.
        take: Gets each answer's text, then `END`, or an error, in the connection's thread.
    """

    def __init__(
        self, topic: str, payload: dict[str, Any], nodeid: int, take: Callable[[str | OSError | None], None]
    ) -> None:
        super().__init__()
        self._topic, self._payload, self._nodeid, self._take = topic, payload, nodeid, take

    def send(self, handle: Handle, bindings: Bindings) -> Pending:
        """See `Talk`."""
        return handle.rpc(self._topic, self._payload, self._nodeid, bindings.STREAMING)

    def hear(self, pending: Pending) -> None:
        """See `Talk`."""
        try:
            text = pending.get_str()
        except OSError as error:
            self.end()
            self._take(END if error.errno == _NO_MORE else _as_os_error(error))
            return
        pending.reset()
        self._take(text)

    def tell_failure(self, error: OSError) -> None:
        """See `Talk`."""
        self._take(error)

    def leave(self, handle: Handle, bindings: Bindings) -> None:
        """Say that no further answer is wanted."""
        if self.is_over or self._pending is None:
            return
        with suppress(OSError):  # then nothing comes any more, either
            tag = {"matchtag": self._pending.pimpl.get_matchtag()}
            handle.rpc(f"{self._topic}-cancel", tag, self._nodeid, bindings.NO_ANSWER)


def _nobody(_: Talk, __: Pending) -> None:
    return


def _as_os_error(error: Exception) -> OSError:
    """The same without its traceback, which would keep the frames of Flux's calls, and with them a lost handle."""
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror)
    return OSError(_NONSENSE, str(error))


def _tell(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    with suppress(RuntimeError):  # that loop has ended, and with it whoever waited
        loop.call_soon_threadsafe(function, *arguments)
