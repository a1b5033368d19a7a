"""Where the fast path answers other than Connexion's own stack, and why. Nothing else may differ."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.compiled.asgi import Answer, Request

Covers = Callable[[Request, Answer, Answer], bool]
"""Whether a difference explains a request that Connexion answered in one way (second) and we in another (third)."""

_UNCONVERTED = re.compile(r'^(path|query|header) parameter .* is not of type "(integer|number|boolean)"')


@dataclass(frozen=True)
class Difference:
    """One way in which both may differ, and why the fast path is right."""

    name: str
    reason: str
    covers: Covers


def _types_of_paths(_request: Request, stock: Answer, fast: Answer) -> bool:
    return stock.status == 404 and (fast.status == 405 or fast.message.startswith("path parameter"))


def _strict_numbers(_request: Request, stock: Answer, fast: Answer) -> bool:
    told = _UNCONVERTED.match(fast.message)
    return bool(told) and fast.status == 400 and stock.status in {200, 400, 500}


def _booleans(request: Request, stock: Answer, _fast: Answer) -> bool:
    return stock.message.endswith('is not of type "boolean"') and bool(re.search(r"[=/](0|1)\b", request.target))


def _headers(request: Request, stock: Answer, _fast: Answer) -> bool:
    return bool(request.headers) and stock.message.startswith("header parameter 'X-Depth'")


def _ignored_bodies(request: Request, stock: Answer, fast: Answer) -> bool:
    media = dict(request.headers).get("Content-Type", "")
    return "multipart" in stock.message if "multipart" in media else (stock.status, fast.status) == (500, 200)


def _upper_case(request: Request, _stock: Answer, fast: Answer) -> bool:
    return ("Content-Type", "Application/JSON") in request.headers and fast.message == "RequestBody is required"


def _read_only(_request: Request, stock: Answer, fast: Answer) -> bool:
    return stock.message == "'id' is a required property" and fast.message != '"id" is a required property'


def _newline_in_body(request: Request, _stock: Answer, fast: Answer) -> bool:
    return b"\\n" in (request.body or b"") and "does not match" in fast.message


def _words(request: Request, stock: Answer, fast: Answer) -> bool:
    said = re.compile(
        "is not of types? |not valid under any|is a required property|Additional properties|does not match|the minimum"
    )
    return bool(request.body and stock.status == fast.status == 400 and said.search(stock.message + fast.message))


def _all_methods(_request: Request, stock: Answer, fast: Answer) -> bool:
    known, told = (set(answer.headers.get("allow", "").split(", ")) for answer in (stock, fast))
    return stock.status == fast.status == 405 and known < told and stock.body == fast.body


def _documented_status(_request: Request, stock: Answer, fast: Answer) -> bool:
    return (stock.status, fast.status) == (200, 201) and stock.body == fast.body


def _null(_request: Request, stock: Answer, fast: Answer) -> bool:
    return (stock.status, stock.body, fast.status, fast.body) == (204, b"", 200, b"null")


def _empty_answer(_request: Request, stock: Answer, fast: Answer) -> bool:
    return stock.status == fast.status and stock.body == fast.body == b"" and "content-type" not in fast.headers


def _never_empty(request: Request, stock: Answer, fast: Answer) -> bool:
    path = request.target.partition("?")[0]
    return (path.endswith("/") and fast.status == 404) or b'"path":""' in stock.body


def _last_newline(request: Request, stock: Answer, _fast: Answer) -> bool:
    return request.target.endswith("%0A") and stock.status == 200


def _encoded_slash(request: Request, _stock: Answer, fast: Answer) -> bool:
    return "%2f" in request.target.lower() and fast.status == 404


DIFFERENCES = [
    Difference(
        "types of path parameters",
        "a wrong number in a path is a bad request that names the parameter; Connexion's routes do not match it: 404",
        _types_of_paths,
    ),
    Difference(
        "strict numbers",
        "Python's int() and float() take 1_0, blanks, Arabic digits and nan, and more digits than 64 bits hold",
        _strict_numbers,
    ),
    Difference("booleans", "1 and 0 are what clients of the documented servers send, too", _booleans),
    Difference("headers", "Connexion never converts a header, so that no integer is one", _headers),
    Difference(
        "bodies nobody reads",
        "Connexion parses a multipart body, and fails at it, although the operation has none",
        _ignored_bodies,
    ),
    Difference("media types in capitals", "Connexion hands the handler bytes", _upper_case),
    Difference("readOnly", "what only answers hold can't be required of a request", _read_only),
    Difference("newlines at the end", "in Python's re, $ matches before a last newline", _newline_in_body),
    Difference(
        "words",
        "about wrong bodies: jsonschema-rs writes JSON, jsonschema Python; of several faults one comes first",
        _words,
    ),
    Difference(
        "all methods", "Allow must list every method of the path, not those of its first operation", _all_methods
    ),
    Difference(
        "documented status", "a plain result is the success that the spec shows, such as 201", _documented_status
    ),
    Difference("null", "None is JSON's null where the spec shows a body", _null),
    Difference("no media type for nothing", "an empty answer has no media type", _empty_answer),
    Difference("paths are not empty", "`format: path` takes at least one character, as any parameter", _never_empty),
    Difference("newline after a number", "Connexion's routes drop a newline at the end of a path", _last_newline),
    Difference("encoded slashes", "%2F is part of a segment: a text without slashes can't hold it", _encoded_slash),
]
