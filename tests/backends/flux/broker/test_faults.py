"""What Flux's numbers mean, without Flux."""

from __future__ import annotations

import errno

import pytest

from opsgate.backends import errors
from opsgate.backends.errors import Broken, EngineError, Timeout, Unavailable
from opsgate.backends.flux.broker import faults

MEANINGS = {
    errno.ENOENT: "NotFound",
    errno.EINVAL: "Invalid",
    errno.EPERM: "Denied",
    errno.EACCES: "Denied",
    errno.EEXIST: "Conflict",
    errno.EBUSY: "Conflict",
    errno.ETIMEDOUT: "Timeout",
    errno.EAGAIN: "Unavailable",
    errno.ENOMEM: "Unavailable",
    errno.ENOSPC: "Unavailable",
    errno.ENOSYS: "Unavailable",
    errno.EPIPE: "Unavailable",
    errno.ECONNRESET: "Unavailable",
    errno.ECONNREFUSED: "Unavailable",
    errno.ECONNABORTED: "Unavailable",
    errno.ENOTCONN: "Unavailable",
    errno.ESHUTDOWN: "Unavailable",
    errno.EHOSTUNREACH: "Unavailable",
    errno.EHOSTDOWN: "Unavailable",
    errno.ENETUNREACH: "Unavailable",
}


class TestMeaning:
    def test_all_that_are_known(self) -> None:
        assert {number: kind.__name__ for number, kind in faults.MEANINGS.items()} == MEANINGS

    @pytest.mark.parametrize("number", [errno.EPROTO, errno.EIO, errno.EOVERFLOW])
    def test_any_other_is_the_engines_own(self, number: int) -> None:
        assert type(faults.meaning(OSError(number, "why"), "Doing it")) is Broken

    def test_message_and_code(self) -> None:
        told = faults.meaning(OSError(errno.EPIPE, "Broken pipe"), "Doing it")
        assert (told.message, told.code, told.retry_after) == ("Doing it: Broken pipe", errno.EPIPE, 1)

    def test_without_a_number(self) -> None:
        told = faults.meaning(OSError("what"), "Doing it")
        assert (type(told), told.message, told.code) == (Broken, "Doing it: what", None)

    def test_every_lost_connection_is_unavailable(self) -> None:
        assert {faults.MEANINGS[number] for number in faults.LOST} == {Unavailable}

    def test_timeout_is_ours(self) -> None:
        assert faults.MEANINGS[errno.ETIMEDOUT] is Timeout
        assert issubclass(Timeout, EngineError)
        assert errors.Timeout is Timeout
