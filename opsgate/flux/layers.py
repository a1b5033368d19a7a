"""Puts the layers of the Flux API in their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp

from opsgate.flux.credentials import Authentication
from opsgate.flux.front import Front
from opsgate.flux.presenting import Presenter
from opsgate.flux.service import FluxService
from opsgate.site import Site


class FluxLayers:
    """See `opsgate.apis.Layers`."""

    def outside(self, app: ASGIApp, site: Site) -> ASGIApp:  # noqa: ARG002 - the protocol's arguments
        """Nothing."""
        return app

    def inside(self, app: ASGIApp, site: Site) -> ASGIApp:
        """Who the caller is, then the pages for browsers."""
        service = site.backend
        if not isinstance(service, FluxService):
            raise TypeError(f"The Flux API needs a FluxService to know its user, not {service!r}")
        return Authentication(
            Front(app, prefix=site.prefix),
            prefix=site.prefix,
            access=service.tokens,
            needed=service.auth,
            problems=site.problems,
        )

    def present(self, site: Site) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: ARG002 - as above
        """Finished JSON, events, text."""
        return Presenter()
