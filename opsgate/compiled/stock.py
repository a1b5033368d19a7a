"""Connexion's own stack, made to answer like the fast path where its routing differs for no good reason."""

from __future__ import annotations

from typing import Any

from connexion.frameworks.starlette import FloatConverter, IntegerConverter
from connexion.middleware.main import ConnexionMiddleware
from connexion.middleware.routing import RoutingMiddleware
from connexion.spec import Specification
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import ASGIApp

from opsgate.compiled.parameters import INTEGER, NUMBER


class _AnyPath(StringConvertor):
    """Starlette's ``path`` with newlines: APIs are mounted by it, and texts sent to a process may hold some."""

    regex = r"[\s\S]*"


class _Integer(IntegerConverter):
    """No more digits than 64 bits have: Python refuses to convert thousands, which would be a 500."""

    regex = INTEGER.pattern


class _Number(FloatConverter):
    """At least one digit: the original takes ``.`` and ``+``, and fails."""

    regex = NUMBER.pattern


class Routing(RoutingMiddleware):
    """Redirects no path with a trailing slash too many or too few; a wrong path is a 404."""

    def __init__(self, app: ASGIApp) -> None:
        """Route for `app`; replaces the convertors that Connexion registers."""
        super().__init__(app)
        self.router.redirect_slashes = False
        for name, convertor in (("int", _Integer()), ("float", _Number()), ("path", _AnyPath())):
            register_url_convertor(name, convertor)

    def add_api(self, specification: Specification, **options: Any) -> None:
        """Add an API, as Connexion calls it."""
        super().add_api(specification, **options)
        for mount in self.router.routes:
            mount.app.redirect_slashes = False


MIDDLEWARES = [Routing if kind is RoutingMiddleware else kind for kind in ConnexionMiddleware.default_middlewares]
"""What to give to `AsyncApp`, behind `opsgate.compiled.middleware.CompiledRoutes`."""
