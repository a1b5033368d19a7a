"""The lock that says a runner lives.

A POSIX record lock: the kernel frees it at any kind of death, no child inherits it (a flock would live on in whatever
the runner forked), and who asks learns the holder's pid from the kernel instead of from a file that may be old.
A process loses it by closing *any* descriptor of the file, so a runner opens its lock file once and never again.
"""

from __future__ import annotations

import fcntl
import os
import struct

# struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid
_FLOCK = struct.Struct("@hhqqi4x")


def hold(path: str) -> int | None:
    """Take the lock until this process ends.

    Args:
        path: The lock file; created with mode 0600 if need be.

    Returns:
        A descriptor to keep, or None while another process holds it.

    Raises:
        OSError: The file cannot be opened.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except PermissionError:  # the other errno POSIX allows for "somebody else has it"
        os.close(fd)
        return None
    return fd


def note(fd: int, text: str) -> None:
    """Leave a note in a lock file that this process holds, for who finds it free. It does without on a full disk."""
    try:
        os.pwrite(fd, text.encode(), 0)
    except OSError:
        return


def read_note(path: str) -> str:
    """Return the note that the last holder left; empty if none did."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - no pathlib in runners
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def holder(path: str) -> int | None:
    """Return the pid of the process that holds the lock, None when nobody does or the file does not exist."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    finally:
        os.close(fd)
    kind, _, _, _, pid = _FLOCK.unpack(answer)
    return None if kind == fcntl.F_UNLCK else pid
