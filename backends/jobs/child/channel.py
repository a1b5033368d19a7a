"""The job's end of the channel to its runner (`runner.channel` has the other, and says how they talk)."""

from __future__ import annotations

# The extension alone: `socket` around it costs every job milliseconds.
import _socket
import array
import os
from _thread import allocate_lock

_PACKET = 48 * 1024


class Channel:
    """Tells the runner things, one at a time, and waits until each is taken.

    Args:
        fd: The inherited descriptor. Processes that the job starts do not inherit it further, forked ones do.
    """

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._socket = _socket.socket(fileno=fd)
        self._lock = allocate_lock()

    def tell(self, kind: bytes, text: str) -> bool:
        """Tell one thing.

        Args:
            kind: b"S" for a status, b"R" for a return value, b"X" for an exception.
            text: JSON.

        Returns:
            Whether it was taken. False also once there is no runner any more.
        """
        with self._lock:
            try:
                self._send(kind, text.encode())
                return self._socket.recv(1) == b"1"
            except OSError:
                return False

    def _send(self, kind: bytes, data: bytes) -> None:
        if len(data) < _PACKET:
            self._socket.send(kind + data)
            return
        fd = os.memfd_create("message")
        try:
            with os.fdopen(fd, "wb", closefd=False) as file:
                file.write(data)
            attached = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [fd]))]
            self._socket.sendmsg([kind], attached)
        finally:
            os.close(fd)
