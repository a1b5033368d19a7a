"""URLs that are too long for uvicorn, which answers them without asking us: in plain text, whatever the API."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_KEPT: Final = 16_384
"""Bytes: more than the guard lets through, less than the 65,535 from which on httptools refuses to take a URL apart."""


class LongUrls(HttpToolsProtocol):
    """uvicorn's protocol, but it keeps only so much of a URL that the guard can refuse it in the words of its API."""

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        super().on_url(url[: _KEPT - len(self.url)])
