"""Makes of a job's config and channel what a plugin's `run(config, status)` expects. Called in the job's process."""

from __future__ import annotations

from opsgate.backends.hoplite import markers
from opsgate.backends.hoplite.updater import StatusUpdater

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

TARGET = f"{__name__}:adapt"
"""How the job engine is told to call it."""


def adapt(config: object, report: Callable[[object], bool], context: Mapping[str, Any]) -> tuple[object, StatusUpdater]:
    """Return config and status for `run`.

    Args:
        config: The job's config, as JSON.
        report: Makes a status public; returns whether it was taken.
        context: `addr`, `uuid` and `api_key` of the job.
    """
    return markers.decode(config), StatusUpdater(context["addr"], context["uuid"], context["api_key"], report)
