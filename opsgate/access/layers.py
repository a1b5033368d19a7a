"""Puts the middlewares of this package in their places, those that the settings ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.types import ASGIApp, Scope

from opsgate.access.gate import Recognition, Requirement
from opsgate.access.throttle import Failures, Throttle, note
from opsgate.apis.record import Api
from opsgate.problems import Problems
from opsgate.settings import Server
from opsgate.tokens import Tokens


class Access:
    """The access rules of one service."""

    def __init__(self, server: Server, apis: Sequence[Api], problems: Problems) -> None:
        """Take ``[server]`` of the settings and the APIs that are served."""
        self._server = server
        self._problems = problems
        self._tokens = Tokens(Path(server.tokens_file).absolute()) if server.tokens_file else None
        self._exempt = {api.name: api.exempt for api in apis if api.exempt is not None}
        self._names = frozenset(api.name for api in apis)
        self._failures = Failures(server.max_failed_logins) if server.max_failed_logins else None

    def behind(self, app: ASGIApp) -> ASGIApp:
        """What comes behind the APIs' own layers."""
        if self._tokens is None:
            return app
        return Requirement(app, apis=self._names, exempt=self._exempt, problems=self._problems)

    def before(self, app: ASGIApp) -> ASGIApp:
        """What comes before them."""
        if self._tokens is not None or self._server.read_only:
            app = Recognition(
                app,
                apis=self._names,
                tokens=self._tokens,
                read_only=self._server.read_only,
                problems=self._problems,
            )
        if self._failures is not None:
            app = Throttle(app, failures=self._failures, problems=self._problems)
        return app

    def unauthenticated(self, scope: Scope) -> None:
        """Be told of a request that was answered with 401."""
        if self._failures is not None:
            note(self._failures, scope)
