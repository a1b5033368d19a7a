"""Bare Starlette that answers with the files of a directory, read before it starts: what no service can do without."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def _constant(body: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    return answer


app = Starlette(
    routes=[Route(f"/{file.name}", _constant(file.read_bytes())) for file in Path(os.environ["BENCH_BODIES"]).iterdir()]
)
