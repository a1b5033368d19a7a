"""The handlers of specs/sample.yaml, and an app for them, with the fast path or without."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from connexion import AsyncApp
from connexion import request as current_request
from connexion.datastructures import NoContent
from connexion.lifecycle import ConnexionResponse
from connexion.options import SwaggerUIOptions
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp

from opsgate import spec
from opsgate.backends import errors
from opsgate.binding import HandlerResolver
from opsgate.compiled import stock
from opsgate.compiled.middleware import CompiledRoutes
from opsgate.guard import Guard, Limits
from opsgate.hosts import HostRule
from opsgate.problems import Problems, render_message
from opsgate.validation import VALIDATORS, OrjsonJsonifier

DOCUMENT = spec.load("sample", Path(__file__).parent / "specs")


async def ping() -> str:
    return "pong"


async def get_word(word: str, loud: bool) -> dict[str, Any]:
    return {"word": word, "loud": loud}


async def delete_word(word: str) -> None:
    del word


async def get_text(text: str) -> str:
    return text


async def get_pair(first: str, second: str) -> list[str]:
    return [first, second]


async def get_numbers(whole: int, real: float, flag: bool) -> list[Any]:
    return [whole, real, flag, type(real).__name__]


async def get_line(path: str, number: int) -> dict[str, Any]:
    return {"path": path, "number": number}


async def get_lines(path: str) -> dict[str, Any]:
    return {"path": path, "lines": True}


async def get_file(path: str) -> dict[str, Any]:
    return {"path": path}


async def get_page(name: str) -> str:
    return name


async def get_list(ids: list[int]) -> list[int]:
    return ids


async def get_running_jobs() -> str:
    return "running"


async def get_job(id: int) -> int:  # noqa: A002 - the parameter's name
    return id


async def put_job(id: int, body: Any) -> list[Any]:  # noqa: A002 - the parameter's name
    return [id, body]


async def create_job(body: dict[str, Any]) -> dict[str, Any]:
    return {"id": 1, "name": body["name"]}


async def search(
    limit: int,
    ratio: float,
    tag: list[str],
    exact: bool | None = None,
    kind: str = "none",
    id: list[int] | None = None,  # noqa: A002 - the parameter's name
    pipe: list[int] | None = None,
    since: str | None = "never",
) -> dict[str, Any]:
    found = {"limit": limit, "ratio": ratio, "tag": [*tag], "exact": exact, "kind": kind, "id": id, "pipe": pipe}
    tag.append("changed")  # defaults must not be shared between requests
    return {**found, "since": since}


async def required(needed: int) -> int:
    return needed


async def filter_all(**filters: float) -> dict[str, float]:
    return filters


async def get_headers(x_depth: int = -1) -> int:
    return x_depth


async def post_tree(body: dict[str, Any]) -> dict[str, Any]:
    return body


async def post_nothing(body: Any) -> list[Any]:
    return [body]


async def post_any(body: Any) -> list[Any]:
    return [body]


async def answer(kind: str) -> Any:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"[1", b",2]"):
            await asyncio.sleep(0)
            yield part

    answers: dict[str, Any] = {
        "string": "text",
        "number": 1.5,
        "bool": False,
        "list": [{"a": 1}],
        "nan": float("nan"),
        "none": None,
        "status": ({"a": 1}, 202),
        "headers": ({"a": 1}, {"X-Extra": "yes"}),
        "all": ({"a": 1}, 202, {"X-Extra": "yes"}),
        "no content": (NoContent, 202),
        "single": (["a"],),
        "many": (1, 2, 3, 4),
        "unwritable": object(),
        "stream": StreamingResponse(parts(), media_type="application/json"),
        "response": JSONResponse({"a": 1}, 202),
        "connexion": ConnexionResponse(202, content_type="application/json", body='{"a":1}'),
    }
    return answers[kind]


async def get_mixed() -> str:
    return "plain"


async def fail(kind: str) -> Any:
    async def broken() -> AsyncIterator[bytes]:
        yield b"[1,"
        raise errors.Broken("half way")

    failures = {
        "missing": errors.NotFound("no such thing: x", code=10),
        "away": errors.Unavailable("the engine is away", retry_after=3),
        "bug": ZeroDivisionError("a secret"),
    }
    if kind == "stream":
        return StreamingResponse(broken(), media_type="application/json")
    raise failures[kind]


async def get_secret(user: str) -> dict[str, Any]:
    return {"user": user, "agent": current_request.headers["user-agent"]}


async def post_form(body: dict[str, Any]) -> dict[str, Any]:
    return body


async def post_either(body: dict[str, Any]) -> dict[str, Any]:
    return body


async def get_cookie() -> str:
    return "eaten"


async def get_deep(where: dict[str, Any] | None = None) -> Any:
    return where


def check_password(username: str, password: str, required_scopes: object = None) -> dict[str, Any] | None:
    del required_scopes
    return {"sub": username} if password == "right" else None


def check_key(key: str, required_scopes: object = None) -> dict[str, Any] | None:
    del required_scopes
    return {"sub": f"holder of {key}"} if key == "right" else None


HANDLERS = {
    operation["operationId"]: globals()[operation["operationId"]] for _, _, operation in spec.operations(DOCUMENT)
}


def connexion_app(*, fast: bool = True, validate: bool = True, handlers: dict[str, Any] | None = None) -> AsyncApp:
    """The sample below ``/sample``, assembled as `opsgate.app` does; `handlers` replace some of its own."""
    problems = Problems({"/sample": render_message})
    first = [functools.partial(CompiledRoutes, problems=problems)] if fast else []
    app = AsyncApp(
        "sample",
        middlewares=[*first, *stock.MIDDLEWARES],
        jsonifier=OrjsonJsonifier(),
        validator_map=VALIDATORS,
        validate_responses=validate,
        swagger_ui_options=SwaggerUIOptions(swagger_ui=False),
    )
    app.add_api(
        DOCUMENT, base_path="/sample", name="sample", resolver=HandlerResolver({**HANDLERS, **(handlers or {})})
    )
    for kind, handler in problems.handlers():
        app.add_error_handler(kind, handler)
    app.middleware.app, app.middleware.middleware_stack = app.middleware._build_middleware_stack()
    return app


def guarded(app: ASGIApp) -> ASGIApp:
    """`app` behind the guard."""
    limits = Limits(max_body=1_000_000, hosts=HostRule(["127.0.0.1"]))
    return Guard(app, limits=limits, render=Problems({"/sample": render_message}).body, seen=lambda *_: None)
