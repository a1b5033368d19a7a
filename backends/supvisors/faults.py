"""What supervisord's failures mean: one table for XML-RPC faults, one for HTTP statuses."""

from __future__ import annotations

import re

from opsgate.backends.errors import Broken, Conflict, EngineError, Invalid, NotFound, Unavailable, Unsupported

BAD_NAME = 10
NOT_APPLICABLE = 104

MEANINGS: dict[int, type[EngineError]] = {
    1: Unsupported,  # UNKNOWN_METHOD: we ask for known methods only, so this daemon lacks Supvisors or is too old
    2: Invalid,  # INCORRECT_PARAMETERS
    3: Invalid,  # BAD_ARGUMENTS
    4: NotFound,  # SIGNATURE_UNSUPPORTED: a method without documentation
    6: Unavailable,  # SHUTDOWN_STATE
    BAD_NAME: NotFound,
    11: Invalid,  # BAD_SIGNAL
    20: NotFound,  # NO_FILE
    21: Conflict,  # NOT_EXECUTABLE
    30: Conflict,  # FAILED
    40: Conflict,  # ABNORMAL_TERMINATION
    50: Conflict,  # SPAWN_ERROR
    60: Conflict,  # ALREADY_STARTED
    70: Conflict,  # NOT_RUNNING
    90: Conflict,  # ALREADY_ADDED
    91: Conflict,  # STILL_RUNNING
    92: Broken,  # CANT_REREAD: the configuration files of the daemon are wrong
    100: Broken,  # SUPVISORS_CONF_ERROR
    101: Conflict,  # BAD_SUPVISORS_STATE
    102: Conflict,  # NOT_MANAGED
    103: Conflict,  # DISABLED
    NOT_APPLICABLE: Conflict,  # no number in the name of the process, no USER in synchro_options
    105: Unsupported,  # NOT_INSTALLED: psutil
}
"""FaultError code -> meaning. 80, SUCCESS, is never raised: it is a status within a list of results."""

AWAY = 2
"""Seconds that a restarting supervisord is away."""

STARTING = frozenset({"OFF", "SYNCHRONIZATION", "ELECTION", "DISTRIBUTION"})
"""States that Supvisors passes on its way to OPERATION."""

SECONDS_TO_OPERATION = 5
"""About half of what that takes it."""

_STATE = re.compile(r"invalid Supvisors state=(\w+)")


class FaultError(Exception):
    """A failure that supervisord reported as XML-RPC prescribes."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


def of_fault(fault: FaultError) -> EngineError:
    """Return the failure that a fault means, with its text and code; a code unknown here is `Invalid`."""
    meaning = MEANINGS.get(fault.code, Invalid)
    return meaning(fault.text, code=fault.code, retry_after=_retry_after(fault))


def of_status(status: int, method: str, label: str) -> EngineError:
    """Return the failure that an HTTP status other than 200 means.

    Args:
        status: The HTTP status.
        method: The XML-RPC method that was called.
        label: The address without credentials. What the daemon wrote is not shown: it may repeat the request.
    """
    if status == 400:  # noqa: PLR2004 - HTTP's number for a bad request
        return Invalid(f"supervisord could not read the arguments of {method}")
    if status == 401:  # noqa: PLR2004 - HTTP's number for missing credentials
        return Broken(f"supervisord at {label} refused our credentials")
    return Broken(f"supervisord at {label} failed in {method} with HTTP status {status}")


def _retry_after(fault: FaultError) -> int | None:
    if MEANINGS.get(fault.code) is Unavailable:
        return AWAY
    state = _STATE.search(fault.text)
    return SECONDS_TO_OPERATION if state and state[1] in STARTING else None
