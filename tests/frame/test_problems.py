"""Which status a failure becomes: each meaning has one, and only types decide."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsgate.backends import errors
from opsgate.backends.errors import EngineError
from opsgate.problems import STATUS, Problems, ecflow_status, render_error


def meanings(kind: type[EngineError] = EngineError) -> Iterator[type[EngineError]]:
    for meaning in kind.__subclasses__():
        yield meaning
        yield from meanings(meaning)


@pytest.fixture
def problems() -> Problems:
    return Problems({"/a": render_error, "/ecflow": render_error}, statuses={"/ecflow": ecflow_status})


class TestTable:
    def test_has_every_meaning(self) -> None:
        assert set(STATUS) == {meaning for meaning in meanings() if meaning.__module__ == errors.__name__}


class TestEcflow:
    def test_tells_an_engine_that_is_away_from_one_that_is_not_ready(self, problems: Problems) -> None:
        for failure, usual, ecflow in (
            (errors.Away("x", retry_after=2), 503, 502),
            (errors.Unavailable("it cannot be reached", retry_after=2), 503, 503),
        ):
            body = b'{"error":"%b"}' % failure.message.encode()
            assert problems.of_failure("/a/b", failure) == (usual, body, [("Retry-After", "2")])
            assert problems.of_failure("/ecflow/b", failure) == (ecflow, body, [("Retry-After", "2")])


class TestCredentials:
    def test_are_asked_for_where_none_were_accepted(self, problems: Problems) -> None:
        challenge = [("WWW-Authenticate", 'Bearer realm="opsgate"')]
        assert problems.of_failure("/a/b", errors.Unauthenticated("who?")) == (401, b'{"error":"who?"}', challenge)

    def test_do_not_help_whoever_may_not(self, problems: Problems) -> None:
        failure = errors.Denied("authentication failed")
        assert problems.of_failure("/ecflow/b", failure) == (403, b'{"error":"authentication failed"}', [])
