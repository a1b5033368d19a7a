"""Keeps another process's listening socket to this machine.

ecflow_server listens on all interfaces and nothing can tell it otherwise, and whoever reaches it can end it, fill its
memory and speak for its tasks without any password (docs/decisions/0008). So its socket is tied to the loopback
interface from outside: pidfd_getfd(2) gets hold of it, SO_BINDTODEVICE ties it. Neither needs privileges where both
processes are of one user; seccomp filters of containers and Yama may forbid the first.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

INTERFACE: Final = b"lo\0"
_PIDFD_GETFD: Final = 438  # the same number on all architectures
_PR_SET_PTRACER: Final = 0x59616D61
_STEP: Final = 0.001
"""Seconds between two looks: so long at most the socket is open to all."""
_GONE: Final = (errno.EBADF, errno.ENOENT)


def possible() -> bool:
    """Whether this system lets a process do this to another one of its user: tried on a child's behalf."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        allowed, allow = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(allow)
                os.read(allowed, 1)
                confine(os.getppid(), listener.getsockname()[1], 1.0)
            except BaseException:
                os._exit(1)
            os._exit(0)
        permit(child)
        os.close(allow)
        os.close(allowed)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def permit(process: int) -> None:
    """Let a process get hold of this one's sockets, where Yama would not; the program that this one becomes, too."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(process), 0, 0, 0)


def confine(process: int, port: int, limit: float) -> None:
    """Wait until a process listens on a TCP port, and tie that to the loopback interface.

    Args:
        process: Of our user.
        port: Where it will listen.
        limit: Seconds until it must.

    Raises:
        ProcessLookupError: It has ended.
        TimeoutError: It does not listen.
        OSError: This system does not allow it.
    """
    handle = os.pidfd_open(process)
    try:
        end = time.monotonic() + limit
        while not any(_tied(found, port) for found in _sockets(process, handle)):
            if select.select([handle], [], [], _STEP)[0]:
                raise ProcessLookupError(f"process {process} has ended")
            if time.monotonic() > end:
                raise TimeoutError(f"process {process} does not listen on port {port}")
    finally:
        os.close(handle)


def interface(process: int, port: int) -> bytes:
    """The interface that a process listens on at a TCP port, empty for all of them; `LookupError` without such."""
    handle = os.pidfd_open(process)
    try:
        for found in _sockets(process, handle):
            with found:
                if _listens(found, port):
                    return _interface(found)
    finally:
        os.close(handle)
    raise LookupError(f"process {process} does not listen on port {port}")


def _sockets(process: int, handle: int) -> Iterator[socket.socket]:
    """Further descriptors of the TCP sockets of a process."""
    for entry in Path(f"/proc/{process}/fd").iterdir():
        try:
            if entry.readlink().name.startswith("socket:"):
                found = socket.socket(fileno=_taken(handle, int(entry.name)))
            else:
                continue
        except OSError as exc:
            if exc.errno in _GONE:
                continue
            raise
        if found.type == socket.SOCK_STREAM and found.family in (socket.AF_INET, socket.AF_INET6):
            yield found
        else:
            found.close()


def _taken(handle: int, number: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    taken: int = libc.syscall(_PIDFD_GETFD, handle, number, 0)
    if taken < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return taken


def _tied(found: socket.socket, port: int) -> bool:
    """Tie a socket, also one that does not listen yet; whether it is the one that was looked for."""
    with found:
        if not _interface(found):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, INTERFACE)
        return _listens(found, port)


def _listens(found: socket.socket, port: int) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) and found.getsockname()[1] == port


def _interface(found: socket.socket) -> bytes:
    return found.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0")
