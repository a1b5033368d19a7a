"""A job of the engine as the JSON object that the document shows, its failure included."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from opsgate.backends.hoplite.documents import DEEPEST, is_deep
from opsgate.backends.hoplite.port import JsonObject
from opsgate.backends.jobs.model import Job
from opsgate.backends.jobs.states import Cause

NO_TRACEBACK: Final = "N."
"""The pickle of None: the published client unpickles `traceback` whatever it is."""

_EXCERPT: Final = 1000
_SHORT: Final = 16 * 1024
_EXCEPTION: Final = '"exception"'

_CAUSES: Final[Mapping[str, tuple[str, str]]] = {
    Cause.TIMEOUT: ("JobTimeout", "The job ran longer than it may"),
    Cause.OUTPUT: ("JobOutputLimit", "The job wrote more than it may"),
    Cause.NOT_STARTED: ("JobNotStarted", "The job's process could not be started"),
    Cause.UNSATISFIABLE: ("JobUnsatisfiable", "The job asks for more than this machine has"),
    Cause.INTERRUPTED: ("JobInterrupted", "The job was ended together with the machine"),
    Cause.LOST: ("JobLost", "The job's process was lost"),
}
"""Type and message of the exception of a job that did not end by itself."""


def describe(job: Job) -> JsonObject:
    """Return the members of the document's `Job`."""
    config, timeout = _asked_for(job.spec_json)
    return {
        "uuid": job.id,
        "name": job.name,
        "plugin_name": job.name,
        "config": config,
        "status": _status(job),
        "running": job.is_running,
        "finished": job.is_finished,
        "killed": bool(job.killed),
        "state": job.state,
        "cause": job.cause,
        "exit_code": job.exit_code,
        "signal": job.signal,
        "pid": job.pid,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "timeout": timeout,
        "labels": orjson.loads(job.labels_json),
    }


def _asked_for(spec_json: str) -> tuple[JsonObject, float | None]:
    """The config and the time limit that are in a spec. It never changes; so that of a job read again is known."""
    return _short(spec_json) if len(spec_json) <= _SHORT else _parsed(spec_json)


def _parsed(spec_json: str) -> tuple[JsonObject, float | None]:
    spec = orjson.loads(spec_json)
    return spec["run"]["config"], spec["limits"]["time"]


_short = lru_cache(maxsize=256)(_parsed)


def _status(job: Job) -> JsonObject:
    """What the job last reported; its failure lies over that. One that was killed has not failed."""
    failure = _failure(job) if job.is_finished and not job.killed else None
    status = _reported(job.status_json)
    return status if failure is None else {**status, "exception": failure}


def _reported(text: str) -> JsonObject:
    """The status as it can be written again: what comes from a job's process must not break a list of jobs."""
    try:
        status: JsonObject = orjson.loads(text)
    except orjson.JSONDecodeError:  # half a surrogate pair, a number without end
        return {"unreadable": text[:_EXCERPT]}
    # No level without a bracket: counting those of the text is fifty times as fast as walking through the value.
    may_be_deep = text.count("{") + text.count("[") > DEEPEST
    return {"unreadable": text[:_EXCERPT]} if may_be_deep and is_deep(status) else status


def _failure(job: Job) -> JsonObject | None:
    if job.exit_code == 0 and job.cause is None and _EXCEPTION not in (job.ending_json or ""):
        return None  # as most end; their exit record needs not be parsed for it
    ending = job.ending
    if job.cause is not None and job.cause in _CAUSES:
        kind, message = _CAUSES[job.cause]
        return _plain(kind, ending.get("error") or message)
    if isinstance(raised := ending.get("exception"), dict):
        return _raised(raised)
    if job.signal is not None:
        return _plain("JobDied", f"The job's process died of {_signal_name(job.signal)}")
    if job.exit_code:
        return _plain("JobExited", f"The job's process ended with exit code {job.exit_code}")
    return None


def _raised(raised: Mapping[str, Any]) -> JsonObject:
    """The exception that `child.failure` described, in the shape that people and the published client read."""
    told = {name: value for name, value in raised.items() if isinstance(value, str)}  # the job's process told it
    return {
        "type": told.get("type", ""),
        "message": told.get("message", ""),
        "traceback": told.get("pickled_traceback") or NO_TRACEBACK,
        "traceback_text": told.get("traceback", ""),
        "previous_exception": {
            "type": told.get("class", ""),
            "message": told.get("message", ""),
            "exception_object": told.get("pickled_exception"),
        },
    }


def _plain(kind: str, message: object) -> JsonObject:
    return {
        "type": kind,
        "message": str(message),
        "traceback": NO_TRACEBACK,
        "traceback_text": "",
        "previous_exception": {"type": kind, "message": str(message), "exception_object": None},
    }


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
