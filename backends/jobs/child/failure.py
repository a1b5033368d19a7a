"""An exception as JSON."""

from __future__ import annotations

import copyreg
import importlib
import pickle
import traceback
import types

from opsgate.backends.jobs.child import values

_NO_TRACEBACK = "N."  # the pickle of None
_LONGEST = 1024 * 1024


def describe(error: BaseException, *, pickled: bool) -> dict[str, object]:
    """Describe an exception.

    Args:
        error: As it was caught: its traceback starts where it was.
        pickled: Whether to add it and its traceback in the form that Hoplite's clients unpickle.

    Returns:
        `type` (the class' name, without its module where that is builtins), `class` (its text), `message`,
        `traceback`; and, if asked for, `pickled_traceback` and `pickled_exception` (null if it cannot be).
    """
    kind = type(error)
    described: dict[str, object] = {
        "type": kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}",
        "class": f"{kind!r}",
        "message": values.text_of(error)[:_LONGEST],
        "traceback": text(error)[:_LONGEST],
    }
    if pickled:
        described["pickled_traceback"] = _pickle_traceback(error.__traceback__)
        described["pickled_exception"] = _pickle_exception(error)
    return described


def text(error: BaseException) -> str:
    """Return the traceback that Python would print."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception as another:
        return f"{type(error).__name__} (not printable: {type(another).__name__})\n"


def _pickle_traceback(trace: types.TracebackType | None) -> str:
    # Its reader is Python 2: protocol 0, whose bytes are text, and tracebacks only in tblib's form.
    try:
        pickling_support = importlib.import_module("tblib.pickling_support")  # optional, and a thing of the job's
    except ImportError:
        return _NO_TRACEBACK
    copyreg.pickle(types.TracebackType, pickling_support.pickle_traceback)
    try:
        return pickle.dumps(trace, protocol=0).decode("latin-1")
    except Exception:
        return _NO_TRACEBACK


def _pickle_exception(error: BaseException) -> str | None:
    try:
        return pickle.dumps(error, protocol=0).decode("ascii")
    except Exception:
        return None
