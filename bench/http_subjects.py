"""What `bench.http` measures: each subject answers the same two requests at once, in a process of its own.

    python -P bench/http_subjects.py SUBJECT DESCRIPTOR

serves a subject on a listening socket, by one process of uvicorn on uvloop and httptools.
"""

# ruff: noqa: PLC0415 - each process imports what its subject needs, nothing else

from __future__ import annotations

import importlib
import socket
import sys
from collections.abc import Callable
from typing import Annotated, Any

PREFIX = "/supvisors/supervisor"
TRIVIAL = f"{PREFIX}/getAPIVersion"
THREE = f"{PREFIX}/readProcessStdoutLog/{{namespec}}/{{offset}}/{{length}}"


def asgi() -> Any:
    """A function that sends constant bytes: the floor."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"5")]

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b'"3.0"'})

    return app


def starlette() -> Any:
    """Starlette with the two routes; the integers are converted, nothing is checked."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def answer(_request: Request) -> JSONResponse:
        return JSONResponse("3.0")

    typed = THREE.replace("{offset}", "{offset:int}").replace("{length}", "{length:int}")
    return Starlette(routes=[Route(TRIVIAL, answer), Route(typed, answer)])


def fastapi() -> Any:
    """FastAPI with the two routes, and bounds for the parameters like those of the document."""
    fastapi: Any = importlib.import_module("fastapi")  # no dependency of ours
    app = fastapi.FastAPI()
    word = Annotated[str, fastapi.Path(min_length=1, max_length=255)]
    low, high = -(2**31), 2**31

    async def trivial() -> str:
        return "3.0"

    async def read(namespec, offset, length):  # type: ignore[no-untyped-def]  # annotated below, by values
        del namespec, offset, length
        return "3.0"

    read.__annotations__ = {
        "namespec": word,
        "offset": Annotated[int, fastapi.Path(ge=low, lt=high)],
        "length": Annotated[int, fastapi.Path(ge=0, lt=high)],
        "return": str,
    }
    app.get(TRIVIAL)(trivial)
    app.get(THREE)(read)
    return app


def connexion() -> Any:
    """Connexion's AsyncApp over the document and the handlers of Opsgate's Supvisors API, with default options."""
    import logging

    from connexion import AsyncApp

    from opsgate import spec
    from opsgate.binding import HandlerResolver, bind

    logging.disable()
    app = AsyncApp("bench")
    document = spec.load("supvisors")
    app.add_api(document, base_path="/supvisors", resolver=HandlerResolver(bind("supvisors", document, Instant())))
    return app


def opsgate() -> Any:
    """Opsgate's Supvisors API with everything on, as the command serves it."""
    import dataclasses

    from opsgate import apis
    from opsgate.app import build
    from opsgate.config import Settings

    apis.APIS = {"supvisors": dataclasses.replace(apis.APIS["supvisors"], connect=lambda _settings: Instant())}
    return build(Settings())


def opsgate_stock() -> Any:
    """The same without the fast path."""
    from opsgate import spec
    from opsgate.apis import APIS
    from opsgate.app import assemble
    from opsgate.config import Settings

    return assemble(Settings(), [(APIS["supvisors"], spec.load("supvisors"), Instant())], fast=False)


class Instant:
    """A backend, its ports and their methods: all answer at once."""

    def __getattr__(self, name: str) -> Any:
        """A port, or one of its methods."""
        if name.startswith("__"):
            raise AttributeError(name)
        found = Instant()
        setattr(self, name, found)
        return found

    async def __call__(self, *_arguments: object) -> str:
        """What each method answers."""
        return "3.0"

    async def ready(self) -> dict[str, Any]:
        """The engine is there."""
        return {}

    async def aclose(self) -> None:
        """Nothing is open."""


SUBJECTS: dict[str, Callable[[], Any]] = {
    "bare ASGI": asgi,
    "Starlette": starlette,
    "FastAPI": fastapi,
    "Connexion": connexion,
    "Opsgate without the fast path": opsgate_stock,
    "Opsgate": opsgate,
}


def serve(subject: str, descriptor: int) -> None:
    """Serve a subject until told to stop."""
    import uvicorn

    config = uvicorn.Config(
        SUBJECTS[subject](),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
