"""What Flux's error numbers mean."""

from __future__ import annotations

import errno
from typing import Final

from opsgate.backends.errors import Broken, Conflict, Denied, EngineError, Invalid, NotFound, Timeout, Unavailable

LOST: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ENOSYS,  # the service that should answer is not loaded: the instance starts or stops
        errno.ENOTCONN,
        errno.EPIPE,
        errno.ESHUTDOWN,
    }
)
"""The connection, or what is at its other end, is not there: another try may find it."""
MEANINGS: Final[dict[int, type[EngineError]]] = {
    **dict.fromkeys(LOST, Unavailable),
    errno.EAGAIN: Unavailable,
    errno.ENOENT: NotFound,
    errno.EEXIST: Conflict,
    errno.EBUSY: Conflict,
    errno.EINVAL: Invalid,
    errno.EPERM: Denied,
    errno.EACCES: Denied,
    errno.ETIMEDOUT: Timeout,
    errno.ENOSPC: Unavailable,
    errno.ENOMEM: Unavailable,
}
_RETRY_AFTER: Final = 1


def meaning(error: OSError, doing: str) -> EngineError:
    """Return the failure by its meaning; what has none here is the engine's own.

    Args:
        error: What Flux said.
        doing: What was wanted of it: the beginning of the message.
    """
    kind = MEANINGS.get(error.errno or 0, Broken)
    text = error.strerror or str(error)
    return kind(f"{doing}: {text}", code=error.errno, retry_after=_RETRY_AFTER if kind is Unavailable else None)
