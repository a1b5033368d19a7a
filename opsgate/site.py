"""What the layers of one API are told when the app is assembled."""

from __future__ import annotations

from dataclasses import dataclass

from opsgate.problems import Problems
from opsgate.settings import Settings
from opsgate.spec import Document


@dataclass(frozen=True)
class Site:
    """One API in one app.

    Attributes:
        prefix: The path below which it lies.
        document: Its document.
        backend: Its backend.
        settings: Of the whole service.
        problems: Renders failures.
    """

    prefix: str
    document: Document
    backend: object
    settings: Settings
    problems: Problems
