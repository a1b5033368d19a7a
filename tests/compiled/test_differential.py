"""The same requests through the fast path and through Connexion's own stack: equal, or explained."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
from starlette.types import ASGIApp

from opsgate import spec
from opsgate.apis import APIS, Backend
from opsgate.app import assemble
from opsgate.settings import Server, Settings
from tests.compiled import corpus, sample
from tests.compiled.asgi import Answer, Request, send
from tests.compiled.differences import DIFFERENCES
from tests.engines import flux_double

pytestmark = pytest.mark.anyio

UNTIRED = Settings(server=Server(max_failed_logins=0))
"""Among what is sent are more wrong credentials than the service listens to in a minute."""
COMPARED = ("content-type", "content-length", "allow", "retry-after", "location", "x-extra")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Both log each of the failures that are provoked here, one by one."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


class Echo:
    """A backend, its ports and their methods, which answer what they were asked."""

    calls = ()

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Echo(name)

    async def subscribe(self, *_arguments: object) -> AsyncIterator[object]:
        """The one method that is no coroutine: a stream, here one without an event."""
        nothing: tuple[object, ...] = ()
        for event in nothing:
            yield event

    async def __call__(self, *arguments: object, **named: object) -> list[object]:
        return [self._name, *arguments, named]


def backend(api: str) -> Backend:
    """What is behind an API here."""
    if api != "flux":
        return Echo()
    engine = flux_double.FluxDouble()
    engine.put(flux_double.finished())
    engine.reads_event_ids = False  # Connexion gives no handler a header
    return flux_double.service(engine)


def seen(request: Request, answer: Answer) -> tuple[object, ...]:
    """What a client can see of an answer; a server sends no body to HEAD."""
    headers = {name: sorted(value.split(", ")) for name, value in answer.headers.items() if name in COMPARED}
    return answer.status, headers, b"" if request.method == "HEAD" else answer.body


async def differing(fast: ASGIApp, stock: ASGIApp, requests: Iterable[Request]) -> list[tuple[Request, Answer, Answer]]:
    """The requests that are answered differently: how by Connexion, how by the fast path."""
    found = []
    for request in requests:
        theirs, ours = await send(stock, request), await send(fast, request)
        if seen(request, theirs) != seen(request, ours):
            found.append((request, theirs, ours))
    return found


def names(request: Request, stock: Answer, fast: Answer) -> list[str]:
    """The differences that explain it."""
    return [difference.name for difference in DIFFERENCES if difference.covers(request, stock, fast)]


def extra() -> Iterator[Request]:
    """Requests that only the sample has."""
    kinds = "string number bool list nan none status headers all no%20content single many unwritable response connexion"
    yield from (Request("GET", f"/sample/answers/{kind}") for kind in kinds.split())
    yield from (Request("GET", f"/sample/failures/{kind}") for kind in ("missing", "away", "bug"))
    basic = {"right": "Basic bWU6cmlnaHQ=", "wrong": "Basic bWU6d3Jvbmc=", "broken": "Basic ?", "bearer": "Bearer x"}
    yield from (Request("GET", "/sample/secret", (("Authorization", value),)) for value in basic.values())
    yield from (Request("GET", f"/sample/secret?key={key}") for key in ("right", "wrong", ""))
    yield from (Request("GET", f"/sample/pairs/{pair}") for pair in ("a/b", "a%2Fb", "a/b%2Fc"))


class TestSample:
    async def test_answers_are_equal_or_explained(self) -> None:
        fast, stock = (sample.guarded(sample.connexion_app(fast=fast, validate=False)) for fast in (True, False))
        requests = [*corpus.requests(sample.DOCUMENT, "/sample"), *extra()]
        found = await differing(fast, stock, requests)
        assert [case for case in found if not names(*case)] == []

    async def test_every_explanation_is_needed(self) -> None:
        fast, stock = (sample.guarded(sample.connexion_app(fast=fast, validate=False)) for fast in (True, False))
        requests = [*corpus.requests(sample.DOCUMENT, "/sample"), *extra()]
        found = await differing(fast, stock, requests)
        only = Counter(explained[0] for case in found if len(explained := names(*case)) == 1)
        assert {difference.name for difference in DIFFERENCES} - set(only) == set()


class TestApis:
    @pytest.mark.parametrize("api", list(APIS))
    async def test_answers_are_equal_or_explained(self, api: str) -> None:
        document = spec.load(api)
        fast, stock = (assemble(UNTIRED, [(APIS[api], document, backend(api))], fast=fast) for fast in (True, False))
        found = await differing(fast, stock, corpus.requests(document, f"/{api}"))
        assert [case for case in found if not names(*case)] == []
