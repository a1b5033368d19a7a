"""Who may do requests, and who is told of them: the two methods that the document has users override.

``authenticate(request)`` is asked before each request, ``store_request(request)`` is told of each change that was made.
Both are functions of the user's, plain or ``async``, named in the settings.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import Scope

from opsgate.backends.errors import Denied, Unauthenticated
from opsgate.config import ConfigError
from opsgate.settings import Redengine

log = logging.getLogger("opsgate.redengine")

Hook = Callable[["Request"], Any]

_CHANGING: Final = ("POST", "PATCH", "DELETE")


@dataclass(frozen=True)
class Request:
    """What hooks are told of a request.

    Attributes:
        method: ``GET``, ``POST``, ``PATCH``, ``DELETE``.
        path: Without the API's prefix: ``/tasks/my-task``.
        query: As it was sent, without the question mark.
        headers: Names in lower case.
        client: The address of whoever sent it; None through a socket file.
        body: As it was sent.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    client: str | None
    body: bytes


class Gate:
    """The hooks of one API.

    Raises:
        ConfigError: A hook that cannot be imported.
    """

    def __init__(self, chosen: Redengine) -> None:
        """Take those that the settings name; without any everybody is let in, and nobody is told."""
        self._authenticate = _hook("authenticate", chosen.authenticate)
        self._store_request = _hook("store_request", chosen.store_request)

    @property
    def is_open(self) -> bool:
        """Whether there is nothing to ask and nobody to tell."""
        return self._authenticate is None and self._store_request is None

    @property
    def authenticates(self) -> bool:
        """Whether the user's own function says who is let in."""
        return self._authenticate is not None

    async def admit(self, request: Request) -> None:
        """Let a request in.

        Raises:
            Unauthenticated: The hook said False.
            Denied: It raised `PermissionError`.
        """
        if self._authenticate is None:
            return
        try:
            admitted = await _called(self._authenticate, request)
        except PermissionError as exc:
            raise Denied(str(exc) or "This is not permitted") from exc
        if admitted is False:
            raise Unauthenticated("This request is not authenticated")

    async def tell(self, request: Request, status: int) -> None:
        """Tell of a request that was answered; the answer is out, so a hook that fails is only logged."""
        if self._store_request is None or request.method not in _CHANGING or status >= 400:  # noqa: PLR2004 - failures
            return
        try:
            await _called(self._store_request, request)
        except Exception:  # it is the user's, and may raise anything
            log.exception("redengine.store_request failed with %s %s", request.method, request.path)


def request_of(scope: Scope, prefix: str) -> Request:
    """The request of an ASGI scope that the guard let through."""
    return Request(
        method=scope["method"],
        path=scope["path"].removeprefix(prefix),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])},
        client=scope["client"][0] if scope.get("client") else None,
        body=scope.get("opsgate.body", b""),
    )


async def _called(hook: Hook, request: Request) -> Any:
    result = hook(request)
    return await result if inspect.isawaitable(result) else result


def _hook(setting: str, name: str) -> Hook | None:
    if not name:
        return None
    module, _, attribute = name.partition(":")
    try:
        hook: Hook = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ConfigError(f"redengine.{setting}: {name!r} is no module:function that can be imported: {exc}") from exc
    return hook
