"""What the first process of a Python job tells its runner: its status, its return value, its exception.

A pair of sockets, of which the job inherits one: it leads to this job's runner and nowhere else. Each message is one
packet, a letter and a JSON text, answered with one byte. A text that is too long for a packet is passed as an anonymous
file instead. Several processes or threads of a job may tell at once: packets do not mix, and all answers are alike.
"""

from __future__ import annotations

# The extension alone: `socket` around it costs a runner half a megabyte and two milliseconds.
import _socket
import array
import json
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STATUS = b"S"
_MEMBERS = {b"R": "result", b"X": "exception"}
TAKEN, REFUSED = b"1", b"0"
PACKET = 64 * 1024
LARGEST = 64 * 1024 * 1024


class Channel:
    """Both ends; `theirs` is to be inherited by the job.

    Args:
        report: Called with each status; returns whether it was taken.
    """

    def __init__(self, report: Callable[[str], bool]) -> None:
        self._ours, self._theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._report = report
        self.told: dict[str, object] = {}  # "result" and "exception", as far as they were told

    @property
    def fd(self) -> int:
        """The descriptor that becomes readable with a message."""
        return self._ours.fileno()

    @property
    def theirs(self) -> int:
        """The job's end."""
        return self._theirs.fileno()

    def close_theirs(self) -> None:
        """Leave the job's end to the job."""
        self._theirs.close()

    def serve(self) -> bool:
        """Take and answer the messages that are there.

        Returns:
            Whether more can come.
        """
        while True:
            try:
                packet, attached, _, _ = self._ours.recvmsg(PACKET + 1, _socket.CMSG_SPACE(4))
            except BlockingIOError:
                return True
            except OSError:
                return False
            files = _descriptors(attached)
            if not packet:
                return False
            self._answer(self._take(packet, files))

    def _take(self, packet: bytes, files: list[int]) -> bool:
        try:
            text = (_read_file(files[0]) if files else packet[1:]).decode()
            return self._keep(packet[:1], text)
        except (OSError, ValueError, RecursionError, KeyError):  # no message of ours
            return False
        finally:
            for fd in files:
                os.close(fd)

    def _keep(self, kind: bytes, text: str) -> bool:
        if kind == STATUS:
            return self._report(text)
        self.told[_MEMBERS[kind]] = json.loads(text)
        return True

    def _answer(self, taken: bool) -> None:
        try:
            self._ours.send(TAKEN if taken else REFUSED)
        except OSError:  # it does not listen: ended meanwhile, or broken
            return


def _descriptors(attached: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, content in attached:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return list(fds)


def _read_file(fd: int) -> bytes:
    found = os.fstat(fd)
    # Anything but a plain file might keep the runner waiting, and it serves only this.
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        raise ValueError("not a message")
    return os.pread(fd, found.st_size, 0)
