"""The values that JSON lacks, as the markers of MongoDB's legacy extended JSON that Hoplite's clients read and write.

    datetime        {"$date": 1577934245678}         milliseconds since 1970-01-01 UTC; read back without a time zone
    uuid.UUID       {"$uuid": "0000…"}                32 hexadecimal digits
    bytes           {"$binary": "AP8=", "$type": "00"}
    re.Pattern      {"$regex": "ab+", "$options": "i"}
    ObjectId        {"$oid": "5555…"}                 where the package bson is installed; else `Oid`, a text

Read only: $undefined (None), $numberLong (int), $timestamp (dict), $ref, $minKey, $maxKey, $code (dicts, as they came,
without bson). A dict that looks like a marker but is none stays what it is.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import math
import re
import uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_EPOCH = datetime.datetime(1970, 1, 1)
_MILLISECOND = datetime.timedelta(milliseconds=1)
_FLAGS = {"i": re.I, "l": re.L, "m": re.M, "s": re.S, "u": re.U, "x": re.X}
_DEEPEST = 90  # within what `documents` lets through
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # what readers of JSON take for an integer; others become text


class Oid(str):
    """The id of a MongoDB object, where the package bson is not installed."""

    __slots__ = ()


def decode(value: Any) -> Any:
    """Return a JSON value with its markers replaced by what they stand for."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: decode(item) for key, item in value.items()}
    for marker, read in _READERS.items():
        if marker in inner:
            try:
                return read(inner)
            except (ValueError, TypeError, KeyError, OverflowError, binascii.Error, re.error):
                return inner
    return inner


def encode(value: object, depth: int = 0) -> object:
    """Return a value as JSON with markers for what JSON lacks: NaN is None, what nobody knows becomes its text."""
    if depth < _DEEPEST:
        if isinstance(value, dict):
            return {_text(key): encode(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [encode(item, depth + 1) for item in value]
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return {"$oid": str(value)} if type(value).__name__ == "ObjectId" else _text(value)


def _text(value: object) -> str:
    # The value's own code is in this: it may raise anything, and a status must not end a job.
    for attempt in (str, repr):
        try:
            return attempt(value)
        except Exception:  # noqa: S112 - the next attempt, or the type's name
            continue
    return f"<{type(value).__name__}>"


def _write_integer(value: int) -> object:
    return int(value) if _SMALLEST <= value <= _LARGEST else str(value)


def _write_float(value: float) -> object:
    return float(value) if math.isfinite(value) else None


def _write_date(value: datetime.datetime) -> object:
    offset = value.utcoffset()
    naive = value.replace(tzinfo=None) - (offset or datetime.timedelta())
    return {"$date": (naive - _EPOCH) // _MILLISECOND}


def _write_pattern(value: re.Pattern[Any]) -> object:
    source = value.pattern.decode("latin-1") if isinstance(value.pattern, bytes) else str(value.pattern)
    flags = value.flags & ~re.U  # every text pattern of Python 3 has it
    return {"$regex": source, "$options": "".join(letter for letter, flag in _FLAGS.items() if flags & flag)}


def _write_bytes(value: bytes | bytearray) -> object:
    return {"$binary": base64.b64encode(value).decode("ascii"), "$type": "00"}


_WRITERS: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (Oid, lambda value: {"$oid": str(value)}),
    (str, str),
    (bool, bool),
    (int, _write_integer),
    (float, _write_float),
    (type(None), lambda _: None),
    (datetime.datetime, _write_date),
    (uuid.UUID, lambda value: {"$uuid": value.hex}),
    (bytes, _write_bytes),
    (bytearray, _write_bytes),
    (re.Pattern, _write_pattern),
)


def _read_date(marker: dict[str, Any]) -> object:
    return _EPOCH + datetime.timedelta(milliseconds=float(marker["$date"]))


def _read_binary(marker: dict[str, Any]) -> object:
    return base64.b64decode(marker["$binary"], validate=True)


def _read_pattern(marker: dict[str, Any]) -> object:
    flags = 0
    for letter in marker.get("$options", ""):
        flags |= _FLAGS.get(letter, 0)
    return re.compile(marker["$regex"], flags & ~re.L)  # re.L is for bytes alone


def _read_oid(marker: dict[str, Any]) -> object:
    try:
        from bson.objectid import ObjectId  # type: ignore[import-not-found]  # noqa: PLC0415 - where it is installed
    except ImportError:
        return Oid(marker["$oid"])
    return ObjectId(str(marker["$oid"]))


_READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "$oid": _read_oid,
    "$date": _read_date,
    "$regex": _read_pattern,
    "$binary": _read_binary,
    "$uuid": lambda marker: uuid.UUID(str(marker["$uuid"])),
    "$undefined": lambda _: None,
    "$numberLong": lambda marker: int(marker["$numberLong"]),
    "$timestamp": lambda marker: {"t": int(marker["$timestamp"]["t"]), "i": int(marker["$timestamp"]["i"])},
}
