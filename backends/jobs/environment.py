"""The environment of jobs and runners: a few variables of ours, by name, and the job's own. Never all of ours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opsgate.backends.errors import Invalid
from opsgate.backends.jobs.tree import MARK, NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALLOWED = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL", "LD_LIBRARY_PATH"})
_ALLOWED_PREFIX = "LC_"


def base(service: Mapping[str, str] | None = None, also: Iterable[str] = ()) -> dict[str, str]:
    """Return what jobs get of the service's own environment.

    Args:
        service: The service's environment, this process' if not given.
        also: Names of further variables to hand on, as configured.
    """
    service = os.environ if service is None else service
    names = ALLOWED.union(also)
    return {name: value for name, value in service.items() if name in names or name.startswith(_ALLOWED_PREFIX)}


def compose(inherited: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of one job.

    Args:
        inherited: What `base` returned.
        own: The job's variables, which win.

    Raises:
        Invalid: A variable cannot be set.
    """
    for name, value in own.items():
        _check(name, value)
    return {**inherited, **own}


def _check(name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise Invalid(f"An environment variable is a text with a text, not {name!r}")
    if not name or "=" in name or "\0" in name + value:
        raise Invalid(f"{name!r} cannot be an environment variable, or its value cannot be one's")
    if name in (NAME, MARK):
        raise Invalid(f"{name} is the job engine's own variable")
