"""Good and bad requests for every operation of a document, made from its examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from opsgate import spec
from tests.compiled.asgi import Request

# Texts as they stand in a URL.
HOSTILE_TEXTS = (
    *("", "%20", "..", ";", "[]", "1_0", "%205", "5%0A", "1e999", "nan", "-inf", "0x10", "%D9%A3"),
    *("1" * 25, "9" * 5000, "-" + "9" * 19, "null", "%00x", "%FF", "a%0A", "%0Aa", "a%2Fb", "%2F", "a//b"),
    *("%F0%9F%98%80", "a%2526", "x" * 300),
)
TEXTS = (
    *HOSTILE_TEXTS,
    *(" ", "abc", "ABC", "a:b", "a%3Ab", "a:*", "%2A", ".", "+", "-", "~", ",", "a,b", "1,2", "0", "1", "-1", "+5"),
    *("007", "5%20", "1.0", "1.5", "-0.5", ".5", "5.", "1e5", "inf", "NaN", "Infinity", "1" * 19, "true", "false"),
    *("True", "FALSE", "yes", "no", "on", "None", "a%0Ab", "a%2fb", "a/b", "a%5Cb", "%C3%A9", "a%25b", "a=b", "a&b"),
    *("all", "some", "2020-01-01T00:00:00Z", "2020-13-01T00:00:00Z", "INFO", "CONFIG", "lines", "running"),
)
HOSTILE_BODIES = (
    *(b"", b" ", b"[]", b"null", b"1", b'"x"', b"{", b'{"a":', b"\xff", b'{"a":"\xff"}', b"NaN", b"[NaN]"),
    *(b'{"load":1e999}', b'{"load":' + b"1" * 5000 + b"}", b"[" * 100_000),
)
BODIES = (
    *HOSTILE_BODIES,
    *(b"{}", b"true", b'{"name":"abc"}', b'{"name":"abc\\n","secret":"","id":1}'),
    *(b'{"name":"a","secret":"s"}', b'{"name":"a","secret":"s","id":5}', b'{"name":"a","secret":"s","id":1.0}'),
    *(b'{"name":"a","secret":"s","owner":null}', b'{"name":"a","secret":"s","owner":"them"}', b'{"name":1,"secret":2}'),
    *(b'{"name":"a","secret":"s","load":0}', b'{"name":"a","secret":"s","load":0.1}'),
    *(b'{"name":"a","name":"b","secret":""}', b'{"name":"a","children":[{"name":"b","children":[]}]}'),
    *(b'{"name":"a","children":[{"children":[]}]}', b'{"name":"a","more":1}'),
    *(b'{"name":"a","secret":"s","nullable":null}', b"count=5", b"count=x"),
)
MEDIA = (
    *("application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8"),
    *("application/json;charset=latin-1", "application/problem+json", "text/plain", "text/json", "*/*", "nonsense", ""),
    *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x", "application/xml"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")


def requests(document: spec.Document, prefix: str) -> Iterator[Request]:
    """The corpus of one document, below `prefix`."""
    for path, method, operation in spec.operations(document):
        parameters = spec.parameters(document, path, operation)
        body = b'{"name":"a","secret":"s"}' if "requestBody" in operation else None
        good = Good(prefix + path, method.upper(), parameters, body)
        yield from _paths(good)
        yield from _queries(good)
        yield from _headers(good)
        yield from _bodies(good)
    for target in ("", "/", "/nothing", "/%2F", "//", "/../x", "?x=1"):
        yield Request("GET", prefix + target)


class Good:
    """A request that is right, and what may be changed about it."""

    def __init__(
        self,
        template: str,
        method: str,
        parameters: list[spec.Document],
        body: bytes | None,
        values: Mapping[str, str] | None = None,
        *,
        media: str = "application/json",
    ) -> None:
        """Make it of the parameters' examples, and of `values`, which stand in the query even if they need not."""
        given = values or {}
        self.method = method
        self.body = body
        self.media = media
        self.template = template
        self.path = {p["name"]: quote(str(_example(p)), safe="/:*,") for p in parameters if p["in"] == "path"}
        self.query = {p["name"]: quote(str(_example(p)), safe=":,") for p in parameters if p["in"] == "query"}
        self.headers = {p["name"]: str(_example(p)) for p in parameters if p["in"] in ("header", "cookie")}
        self._needed = {p["name"] for p in parameters if p["in"] == "query" and p.get("required")}
        self._needed |= self.query.keys() & given.keys()
        self.path |= {name: text for name, text in given.items() if name in self.path}
        self.query |= {name: text for name, text in given.items() if name in self.query}

    def needed(self, besides: str = "") -> str:
        """The query that it cannot do without, but for one parameter."""
        return "&".join(f"{name}={self.query[name]}" for name in sorted(self._needed - {besides}))

    def request(self, **changes: Any) -> Request:
        """The request with other `path` parameters, `query` text, `method`, `headers` or `body`."""
        path = {**self.path, **changes.get("path", {})}
        target = self.template + changes.get("suffix", "")
        for name, text in path.items():
            target = target.replace(f"{{{name}}}", text)
        query = changes.get("query", self.needed())
        headers = changes.get("headers", () if self.body is None else (("Content-Type", self.media),))
        whole = target + (f"?{query}" if query else "")
        return Request(changes.get("method", self.method), whole, headers, changes.get("body", self.body))


def _example(parameter: spec.Document) -> object:
    """The parameter's example, its schema's, or something of its type."""
    schema = parameter["schema"]
    by_type = {"integer": 1, "number": 1.5, "boolean": "true", "array": "1", "object": "x"}
    examples = [entry.get("value") for entry in parameter.get("examples", {}).values()]
    first = schema.get("enum", [by_type.get(schema.get("type"), "abc")])[0]
    return parameter.get("example", schema.get("example", next((e for e in examples if e is not None), first)))


def _paths(good: Good) -> Iterator[Request]:
    yield good.request()
    yield from (good.request(method=method) for method in METHODS)
    yield from (good.request(suffix=suffix) for suffix in ("/", "//", "/more", "%2F", "%20", "?", "?%", "?=&&a"))
    for name in good.path:
        yield from (good.request(path={name: text}) for text in TEXTS)
        yield good.request(path={name: "abc"}, query="unknown=1")


def _queries(good: Good) -> Iterator[Request]:
    for query in ("unknown=1", "&&", "a", "%FF=%FF", "=", "unknown=a+b%2B"):
        yield good.request(query=query)
    for name in good.query:
        yield from (good.request(query=f"{name}={text}") for text in TEXTS)
        value = good.query[name]
        texts = (
            name,
            f"{name}",
            f"{name}=x&{name}={value}",
            f"{name}={value}&{name}=x",
            f"{name}={value}&{name}={value}",
        )
        yield from (
            good.request(query=text) for text in (*texts, f"{name}[]={value}", f"{name}[a]={value}", name.upper())
        )
    yield good.request(query="&".join(f"{name}={value}" for name, value in good.query.items()))


def _headers(good: Good) -> Iterator[Request]:
    for name in good.headers:
        for text in ("", "0", "5", "-1", "abc", "abcd", "1_0", " 5", "1.0", "true"):
            yield good.request(headers=((name, text),))
        yield good.request(headers=((name, "1"), (name, "x")))


def _bodies(good: Good) -> Iterator[Request]:
    if good.body is not None:
        yield from (good.request(body=body) for body in BODIES)
        yield from (
            good.request(body=body, headers=()) for body in (None, b"", b"{}", b"count=5", orjson.dumps({"name": "a"}))
        )
    for media in MEDIA:
        for body in (b"", b"{}", b"count=5"):
            yield good.request(body=body, headers=(("Content-Type", media),))
