"""What `bench.http` measures: each subject answers the same three requests at once, in a process of its own.

    python -P bench/http_subjects.py SUBJECT DESCRIPTOR

serves a subject on a listening socket, by one process of uvicorn on uvloop and httptools.
"""

# ruff: noqa: PLC0415 - each process imports what its subject needs, nothing else

from __future__ import annotations

import functools
import importlib
import json
import socket
import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal

PREFIX = "/supvisors/supervisor"
TRIVIAL = f"{PREFIX}/getAPIVersion"
THREE = f"{PREFIX}/readProcessStdoutLog/{{namespec}}/{{offset}}/{{length}}"
TEN = "/redengine/tasks/{name}"
TEN_FIELDS = {
    "class": "CodeTask",
    "code": "return_value = 1 + 1",
    "start_cond": "every 10 min",
    "end_cond": "false",
    "timeout": "10 min",
    "priority": 3,
    "description": "What is measured",
    "disabled": False,
    "execution": "process",
    "parameters": {"a": 1},
}
TASK = {"name": "bench", "class": "CodeTask", "status": None, "disabled": False}


def asgi() -> Any:
    """A function that sends constant bytes: the floor."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"5")]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b'"3.0"'})

    return app


def starlette() -> Any:
    """Starlette with the three routes; integers are converted, the body is read as JSON, nothing is checked."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def answer(_request: Request) -> JSONResponse:
        return JSONResponse("3.0")

    async def create(request: Request) -> JSONResponse:
        await request.json()
        return JSONResponse(TASK)

    typed = THREE.replace("{offset}", "{offset:int}").replace("{length}", "{length:int}")
    return Starlette(routes=[Route(TRIVIAL, answer), Route(typed, answer), Route(TEN, create, methods=["POST"])])


def fastapi() -> Any:
    """FastAPI with the three routes, and bounds like those of the documents."""
    fastapi: Any = importlib.import_module("fastapi")  # no dependency of ours
    pydantic: Any = importlib.import_module("pydantic")
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
    text = Annotated[str, pydantic.Field(min_length=1)]
    new_task: Any = pydantic.create_model(
        "NewTask",
        kind=(Literal["CodeTask", "CommandTask", "FuncTask"], pydantic.Field(alias="class")),
        code=(text, ...),
        start_cond=(text | bool, False),
        end_cond=(text | bool, False),
        timeout=(text | None, None),
        priority=(Annotated[int, pydantic.Field(ge=low, lt=high)], 0),
        description=(str | None, None),
        disabled=(bool, False),
        execution=(Literal["main", "thread", "process", "async"], "process"),
        parameters=(dict[str, Any], {}),
    )

    async def create(name, body):  # type: ignore[no-untyped-def]  # annotated below, by values
        del name, body
        return TASK

    create.__annotations__ = {"name": word, "body": new_task, "return": dict[str, Any]}
    app.get(TRIVIAL)(trivial)
    app.get(THREE)(read)
    app.post(TEN)(create)
    return app


def connexion() -> Any:
    """Connexion's AsyncApp over two documents and their handlers, as Opsgate has them, with default options."""
    import logging

    from connexion import AsyncApp

    from opsgate import spec
    from opsgate.binding import HandlerResolver, bind

    logging.disable()
    app = AsyncApp("bench")
    for name in ("supvisors", "redengine"):
        document = spec.load(name)
        handlers = bind(name, document, Instant(), present=_plain, whole_query="query")
        app.add_api(document, base_path=f"/{name}", name=name, resolver=HandlerResolver(handlers))
    return app


def _plain(handler: Any) -> Any:
    """Finished JSON as the value that Connexion writes itself."""

    @functools.wraps(handler)
    async def plain(**arguments: Any) -> Any:
        result = await handler(**arguments)
        return result if isinstance(result, str) else TASK

    return plain


def opsgate() -> Any:
    """The two APIs of Opsgate with everything on, as the command serves them."""
    from opsgate.app import build
    from opsgate.settings import Settings

    _answer_at_once()
    return build(Settings())


def opsgate_stock() -> Any:
    """The same without the fast path."""
    from opsgate import apis, spec
    from opsgate.app import assemble
    from opsgate.settings import Settings

    _answer_at_once()
    settings = Settings()
    return assemble(settings, [(api, spec.load(name), Instant()) for name, api in apis.APIS.items()], fast=False)


def _answer_at_once() -> None:
    """Have two APIs, with backends that do."""
    import dataclasses

    from opsgate import apis

    apis.APIS = {
        name: dataclasses.replace(apis.APIS[name], connect=lambda _settings: Instant())
        for name in ("supvisors", "redengine")
    }


class Instant:
    """A backend, its ports and their methods: all answer at once."""

    calls = ()

    def __init__(self, name: str = "") -> None:
        """A backend; or the port or method of this name."""
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """A port, or one of its methods."""
        if name.startswith("__"):
            raise AttributeError(name)
        found = Instant(name)
        setattr(self, name, found)
        return found

    async def __call__(self, *_arguments: object) -> Any:
        """What each method answers."""
        return _task() if self._name == "create" else "3.0"

    async def ready(self) -> dict[str, Any]:
        """The engine is there."""
        return {}

    async def aclose(self) -> None:
        """Nothing is open."""


@functools.cache
def _task() -> Any:
    from opsgate.backends.redengine.port import Document

    return Document(json.dumps(TASK, separators=(",", ":")).encode(), "1")


SUBJECTS: dict[str, Callable[[], Any]] = {
    "bare ASGI": asgi,
    "Starlette": starlette,
    "FastAPI": fastapi,
    "Connexion": connexion,
    "Opsgate without the fast path": opsgate_stock,
    "Opsgate": opsgate,
}


def _protocol(subject: str) -> Any:
    """uvicorn's, or what our workers make of it."""
    if not subject.startswith("Opsgate"):
        return "httptools"
    from opsgate.impatience import Impatient

    return Impatient


def serve(subject: str, descriptor: int) -> None:
    """Serve a subject until told to stop."""
    import uvicorn

    config = uvicorn.Config(
        SUBJECTS[subject](),
        loop="uvloop",
        http=_protocol(subject),
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
