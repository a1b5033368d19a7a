"""Puts the layers of the Red Engine API in their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp

from opsgate.redengine.edge import Edge
from opsgate.redengine.gate import Gate
from opsgate.redengine.presenting import Presenter
from opsgate.site import Site


class RedengineLayers:
    """See `opsgate.apis.Layers`."""

    def outside(self, app: ASGIApp, site: Site) -> ASGIApp:  # noqa: ARG002 - the protocol's arguments
        """Nothing."""
        return app

    def inside(self, app: ASGIApp, site: Site) -> ASGIApp:
        """Who is let in; bodies and queries as the document's clients send them."""
        return Edge(app, prefix=site.prefix, gate=Gate(site.settings.redengine), problems=site.problems)

    def present(self, site: Site) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: ARG002 - as above
        """Finished JSON, pages, streams."""
        return Presenter()
