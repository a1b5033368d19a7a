"""System calls that Python does not offer: prctl(2) and inotify(7)."""

from __future__ import annotations

import ctypes
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IN_NONBLOCK = os.O_NONBLOCK
_IN_CLOEXEC = os.O_CLOEXEC
IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_IGNORED = 0x8000
_EVENT = struct.Struct("@iIII")

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans(on: bool) -> None:
    """Become, or cease to be, the parent of all descendants whose own parents die.

    Raises:
        OSError: The kernel refuses.
    """
    _call("prctl", _PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(on), 0, 0, 0)


def die_with_parent(signum: int) -> None:
    """Have the kernel send this signal to the calling process when its parent dies.

    Raises:
        OSError: The kernel refuses.
    """
    _call("prctl", _PR_SET_PDEATHSIG, ctypes.c_ulong(signum), 0, 0, 0)


class Inotify:
    """Tells of changes of files.

    Raises:
        OSError: This user has as many of these as the kernel allows.
    """

    def __init__(self) -> None:
        self.fd = _call("inotify_init1", _IN_NONBLOCK | _IN_CLOEXEC)

    def watch(self, path: str, mask: int = IN_MODIFY) -> int:
        """Return the number by which changes of this file will be told.

        Raises:
            OSError: There is no such file, or no room for one more.
        """
        return _call("inotify_add_watch", self.fd, os.fsencode(path), ctypes.c_uint32(mask))

    def forget(self, watch: int) -> None:
        """End a watch. It may have ended by itself, with its file."""
        _libc.inotify_rm_watch(self.fd, watch)

    def read(self) -> set[int]:
        """Return the numbers of watches whose files changed since the last call, without waiting for any."""
        try:
            return set(_watches(os.read(self.fd, 65536)))
        except BlockingIOError:
            return set()

    def close(self) -> None:
        """End all watches."""
        os.close(self.fd)


def _watches(events: bytes) -> Iterator[int]:
    at = 0
    while at < len(events):
        watch, mask, _, name_length = _EVENT.unpack_from(events, at)
        at += _EVENT.size + name_length
        if not mask & IN_IGNORED:
            yield watch


def _call(name: str, *arguments: object) -> int:
    result = int(getattr(_libc, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
