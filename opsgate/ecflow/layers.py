"""Puts the layers of the ecFlow API in their places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from opsgate.backends.ecflow.port import User
from opsgate.ecflow.credentials import Authentication, Credentials
from opsgate.ecflow.edge import Edge
from opsgate.ecflow.presenting import Presenter
from opsgate.ecflow.service import EcflowService
from opsgate.ecflow.statistics import Statistics
from opsgate.site import Site
from opsgate.tokens import Tokens


class EcflowLayers:
    """See `opsgate.apis.record.Layers`."""

    def outside(self, app: ASGIApp, site: Site) -> ASGIApp:
        """CORS, OPTIONS and the counters."""
        statistics = site.backend.statistics if isinstance(site.backend, EcflowService) else Statistics()
        return Edge(app, prefix=site.prefix, document=site.document, statistics=statistics, problems=site.problems)

    def inside(self, app: ASGIApp, site: Site) -> ASGIApp:
        """Who the caller is."""
        credentials = Credentials(
            Tokens(Path(site.settings.ecflow.tokens_file).absolute()),
            site.backend.authenticate if isinstance(site.backend, EcflowService) else _unasked,
        )
        return Authentication(
            app,
            prefix=site.prefix,
            credentials=credentials,
            problems=site.problems,
            readers=bool(site.settings.server.tokens_file),
        )

    def present(self, site: Site) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Finished JSON, filters, events."""
        return Presenter(site.prefix, bare=site.settings.ecflow.delete_204)


async def _unasked(user: User) -> None:
    """Where there is no ecflow_server to judge users."""
