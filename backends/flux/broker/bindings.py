"""Flux's Python bindings, if this Python has them, and whether an instance can be reached with them.

Nothing else of the project imports Flux, so nothing needs it. The bindings come with Flux (its `lib/flux/pythonX.Y` on
PYTHONPATH) or from PyPI (`flux-python`, which needs Flux's library); both need cffi, PyYAML and ply beside them.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from opsgate.backends.errors import Unavailable

_MODULES: Final = (
    "flux",
    "flux.job",
    "flux.resource.list",
    "flux.constants",
    "flux.future",
    "flux.idset",
    "flux.hostlist",
)
Handle = Any
"""A connection to a broker, `flux.Flux`. It belongs to the thread that opened it."""
Pending = Any
"""An answer that is still to come, `flux.future.Future`."""


@dataclass(frozen=True)
class Bindings:
    """What is used of them, beside the methods of handles.

    Attributes:
        open: Connects to a broker: to the one with this URI, or where Flux itself looks for one.
        submit: Begins to submit a job, given as JSON, with an urgency.
        cancel: Begins to cancel a job.
        kill: Begins to send a signal to a job's processes.
        resources: Makes of the answer about resources something that can be asked for those that are up.
        numbers: Makes a set of numbers of Flux's short form, `0,2-5`.
        hosts: Makes a list of names, which has a short form.
        release: Lets go of an answer that came, or will never come, outside of its own callback.
        end_watching: Lets go of a watcher.
        STREAMING: The flag of requests with many answers.
        NO_ANSWER: The flag of requests with none.
    """

    open: Callable[[str | None], Handle]
    submit: Callable[[Handle, str, int], Pending]
    cancel: Callable[[Handle, int], Pending]
    kill: Callable[[Handle, int, int], Pending]
    resources: Callable[[dict[str, Any]], Any]
    numbers: Callable[[str], Any]
    hosts: Callable[[list[str]], Any]
    release: Callable[[Pending], None]
    end_watching: Callable[[Any], None]
    STREAMING: int
    NO_ANSWER: int


@functools.cache
def load() -> Bindings:
    """Return the bindings.

    Raises:
        Unavailable: This Python cannot import them.
    """
    try:
        flux, job, resource, constants, future, idset, hostlist = map(importlib.import_module, _MODULES)
    except (ImportError, OSError) as error:
        raise Unavailable(f"Flux's Python bindings cannot be used: {error}") from error
    kept: dict[Pending, int] = getattr(future, "_THEN_HANDLES", {})  # theirs alone, but there is no other way

    def release(pending: Pending) -> None:
        pending.stop()
        kept.pop(pending, None)
        _break_circle(pending, "cb_handle", "then_cb")

    return Bindings(
        open=lambda uri: flux.Flux(uri) if uri else flux.Flux(),
        submit=lambda handle, jobspec, urgency: job.submit_async(handle, jobspec, urgency=urgency),
        cancel=job.cancel_async,
        kill=job.kill_async,
        resources=resource.SchedResourceList,
        numbers=idset.IDset,
        hosts=hostlist.Hostlist,
        release=release,
        end_watching=_end_watching,
        STREAMING=constants.FLUX_RPC_STREAMING,
        NO_ANSWER=constants.FLUX_RPC_NORESPONSE,
    )


def _end_watching(watcher: Any) -> None:
    watcher.stop()
    watcher.destroy()
    _break_circle(watcher, "wargs", "callback", "flux_handle")


def _break_circle(thing: Any, *names: str) -> None:
    """Have something freed here and now: the collector would do it in any thread, while this one runs its reactor."""
    for name in names:
        setattr(thing, name, None)


def trouble(uri: str | None = None) -> str | None:
    """Try to reach an instance; return why that cannot be, in a sentence, or None if it can.

    Args:
        uri: Which one; the one of FLUX_URI, or the system's, without it.
    """
    try:
        load().open(uri)
    except Unavailable as error:
        return error.message
    except OSError as error:
        named = uri or os.environ.get("FLUX_URI")
        return f"{error.strerror or error}" + ("" if named else " (FLUX_URI is not set)")
    return None
