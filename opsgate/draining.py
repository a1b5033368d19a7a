"""How a worker that is told to stop lets go of its connections, so that no client finds one closed under a request."""

from __future__ import annotations

from typing import Final

from opsgate.long_urls import LongUrls

_LINGER: Final = 1.0
"""Seconds that connections without a request stay open: one may be on its way already."""
_CLOSE: Final = (b"connection", b"close")


class Draining(LongUrls):
    """uvicorn's protocol, but for long URLs, and for its end: that closes connections at once that are open and idle.

    A client whose connection was taken but not yet read from, or who kept one from its last request, would lose a
    request then. Here the next answer says that it is the last, and who asks nothing more is let go a second later.
    """

    def shutdown(self) -> None:
        """Close the connection soon."""
        headers = self.server_state.default_headers  # of all answers of this worker; nothing changes them any more
        if _CLOSE not in headers:
            headers.append(_CLOSE)
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_LINGER, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    def _close_if_idle(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if idle and not self.transport.is_closing():
            self.transport.close()
