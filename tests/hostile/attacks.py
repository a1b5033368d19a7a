"""What is wrong with a request in every way that applies to its operation, as the bytes that are sent."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from tests.compiled import corpus
from tests.compiled.asgi import Request

Headers = tuple[tuple[str, str], ...]
"""Names and values, each character a byte."""

# Texts as they stand in a URL, beyond those that both ways of routing have to take alike.
TEXTS = (
    *corpus.HOSTILE_TEXTS,
    *("%ED%A0%80", "%C0%80", "%", "%zz", "%0D%0AX-Evil:1", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "$(id)", "%5B", "%7B"),
    *("%27%3B--", "%E2%80%AE", "-" + "0" * 400, "1e-400", "(" * 200, "x" * 4000),
)
AUTHORIZATIONS = (
    *(f"Basic {base64.b64encode(pair).decode()}" for pair in (b"", b"nobody", b"a:b", b"\xff:\xff", b"\0:")),
    *("", "Basic", "Basic %%%", "Basic YQ", "Basic YQ== YQ==", "Digest x", "Bearer", "Bearer \xff", "Bearer a b"),
    *("Bearer a.b.c", "bearer " + "x" * 3000, "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer W10.W10.W10"),
    *("Bearer eyJhbGciOiJIUzI1NiJ9.bm90IGpzb24.AAAA",),
)
"""None of them is anybody's; the last ones are JWTs without a signature or sense."""

HEADERS: Mapping[str, tuple[str, ...]] = {
    "Accept": ("nonsense", "\xff"),
    "Accept-Encoding": ("gzip;q=x", "identity;q=0, *;q=0"),
    "If-None-Match": ('"', "\xff", "*", '"' + "x" * 3000 + '"'),
    "Last-Event-ID": ("\xff", "-1", "1_0", "9" * 400, "--"),
    "Idempotency-Key": ("", "\xff", "x" * 3000, "a\tb"),
    "Range": ("bytes=5-1",),
    "Cookie": ("\xff", "=;=;="),
    "X-Request-ID": ("\xff", "a b"),
    "X-API-Key": ("", "\xff"),
    "X-Forwarded-For": ("\xff",),
    "X-HTTP-Method-Override": ("DELETE",),
    "Prefer": ("\xff", "wait=9e9"),
    "Expect": ("nonsense",),
    "Content-Encoding": ("gzip",),
    "Upgrade": ("websocket",),
    "X-Large": ("x" * 30_000,),
}
FOREIGN: Headers = (
    *(("Origin", text) for text in ("http://evil.example", "null", "\xff", "", "http://127.0.0.1.evil.example")),
    *(("Host", text) for text in ("evil.example", "127.0.0.1.evil.example", "a@b@c", "[::1", "\xff", "evil:80:80")),
)
# What a value of a body's member may be, as JSON or what looks like it.
VALUES = (
    *(
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-1",
        b"1" * 5000,
        b"9223372036854775808",
        b"0.1",
        b"true",
        b"null",
        b"[]",
        b"{}",
    ),
    *(
        b'""',
        b'"\\ud800"',
        b'"\\u0000"',
        b'"a\\nb"',
        b'"' + b"x" * 70_000 + b'"',
        b'"%s{0}$(id)"',
        b"[[[]]]",
        b'{"":{}}',
    ),
    *(b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900, b'"\xc3\xa9\xf0\x9f\x98\x80"', b"[null,1,{}]"),
)
BODIES = (
    *corpus.HOSTILE_BODIES,
    *(b'{"a":' * 100_000, b"[" * 1000 + b"]" * 1000, b"{}", b'{"a":1,"a":2}', b'{"\\ud800":1}', b"\xef\xbb\xbf{}"),
    *(b"\0", b"{}{}", b"{'a':1}", b"a=b&c", b"--x\r\n", b'{"":""}', b'"' + b"\\u0041" * 10_000 + b'"', b"%" * 100),
)
UNREAD = (b"[" * 100_000, b"{}", b"--x\r\n", b"\xff")
"""Bodies for operations that have none."""


@dataclass(frozen=True)
class Attack:
    """One request.

    Attributes:
        what: The bytes.
        method: Its method, on which the form of an answer depends.
        allowed: The statuses that an answer may have; any that is documented if empty.
        broken: Whether it is no HTTP: that is answered before anybody knows which API it is for.
        cut: Whether our side ends with it although more was announced: then no answer is due.
    """

    what: bytes
    method: str
    allowed: Collection[int] = field(default=())
    broken: bool = False
    cut: bool = False

    def __str__(self) -> str:
        """The beginning of it, and of its end."""
        return repr(self.what if len(self.what) < 400 else self.what[:300] + b" ... " + self.what[-60:])


@dataclass(frozen=True)
class Rules:
    """How requests to an API are made.

    Attributes:
        credentials: What each request shows of who asks.
        guarded: Whether who shows wrong ones is refused.
    """

    credentials: Headers = ()
    guarded: bool = False


def written(request: Request, credentials: Headers = (), *, framing: Headers | None = None) -> bytes:
    """The bytes of a request; `framing` replaces Content-Length, which is right otherwise."""
    given = {name.lower() for name, _ in request.headers}
    headers = [pair for pair in (("Host", "127.0.0.1"), *credentials) if pair[0].lower() not in given]
    length = () if request.body is None else (("Content-Length", str(len(request.body))),)
    headers += [*request.headers, *(length if framing is None else framing)]
    head = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(head).encode("latin-1") + (request.body or b"")


def attacks(good: corpus.Good, methods: Collection[str], rules: Rules, number: int) -> Iterator[Attack]:
    """All that applies to an operation, which has a number; `methods` are those of its path.

    Most headers are looked at, if at all, before it is known which operation a request is for: each operation gets a
    third of what they may be, and its neighbours the others.
    """
    yield from refused(good, methods, rules)
    yield from _declared(good, rules)
    yield from list(_headers(good, rules))[number % 3 :: 3]
    for request in (*_paths(good), *_queries(good), *_bodies(good)):
        yield Attack(written(request, rules.credentials), request.method)
    yield from _framed(good, rules)


def spared(good: corpus.Good, methods: Collection[str], rules: Rules) -> Iterator[Attack]:
    """What is left for an operation that must not, or not often, be carried out."""
    yield from refused(good, methods, rules)
    yield from _declared(good, rules)


def refused(good: corpus.Good, methods: Collection[str], rules: Rules) -> Iterator[Attack]:
    """What reaches no engine, whatever the operation does."""
    for pair in FOREIGN:
        yield Attack(written(_with(good, pair), rules.credentials), good.method, {403})
    for text in ("%FF", "%ED%A0%80"):
        request = good.request(query=f"{good.needed()}&x={text}".lstrip("&"))
        yield Attack(written(request, rules.credentials), good.method, {400})
    for length in (9000, 70_000):
        long = good.request(query="x=" + "y" * length)
        yield Attack(written(long, rules.credentials), good.method, {414})
    for method in set(corpus.METHODS) - set(methods) - {"HEAD", "OPTIONS"}:
        yield Attack(
            written(good.request(method=method), rules.credentials),
            method,
            {400, 401, 404, 405},
            broken=method == "BREW",
        )
    if rules.guarded:
        for text in AUTHORIZATIONS:
            yield Attack(written(_with(good, ("Authorization", text))), good.method, {400, 401, 403})


def _with(good: corpus.Good, *pairs: tuple[str, str]) -> Request:
    """The good request with further headers."""
    plain = good.request()
    return good.request(headers=(*plain.headers, *pairs))


def _declared(good: corpus.Good, rules: Rules) -> Iterator[Attack]:
    """Headers that the operation has."""
    for name in good.headers:
        yield from (
            Attack(written(_with(good, (name, text)), rules.credentials), good.method) for text in HEADERS[name]
        )


def _headers(good: corpus.Good, rules: Rules) -> Iterator[Attack]:
    pairs = [(name, text) for name, texts in HEADERS.items() for text in texts]
    if not rules.guarded:
        pairs += [("Authorization", text) for text in AUTHORIZATIONS]
    for pair in pairs:
        yield Attack(written(_with(good, pair), rules.credentials), good.method)
    many = _with(good, *((f"X-{number}", "y") for number in range(300)))
    yield Attack(written(many, rules.credentials), good.method)
    for method in ("HEAD", "OPTIONS"):
        yield Attack(written(good.request(method=method), rules.credentials), method)


def _paths(good: corpus.Good) -> Iterator[Request]:
    yield from (good.request(suffix=suffix) for suffix in ("/", "//", "/%2e%2e", "%2F", "%20", "%0A", "?", "?%", "#x"))
    for name in good.path:
        yield from (good.request(path={name: text}) for text in TEXTS)


def _queries(good: corpus.Good) -> Iterator[Request]:
    for query in ("unknown=1", "&&", "=", "unknown=%00", "a[b]=c", ";", "&".join(f"u{n}=1" for n in range(900))):
        yield good.request(query=query)
    for name, value in good.query.items():
        others = good.needed(besides=name)
        texts = [f"{name}={text}" for text in TEXTS]
        texts += [name, f"{name}={value}&{name}=x", f"{name}=x&{name}={value}", f"{name}[]={value}", f"{name}[a]=x"]
        texts += ["&".join([f"{name}={value}"] * 100)]
        yield from (good.request(query=f"{text}&{others}" if others else text) for text in texts)


def _bodies(good: corpus.Good) -> Iterator[Request]:
    if good.body is None:
        names = ("application/json", "application/json;charset=nope", "multipart/form-data", "\xff")
        for media, body in zip(names, UNREAD, strict=True):
            yield good.request(body=body, headers=(("Content-Type", media),))
        return
    for media in (*corpus.MEDIA, "application/json;charset=nope", "multipart/form-data; boundary=\xff", "\xff/json"):
        for body in (good.body, b"--x\r\nContent-Disposition: x\r\n\r\n"):
            yield good.request(body=body, headers=(("Content-Type", media),))
    yield from (good.request(body=body) for body in (*BODIES, *_members(good.body)))
    yield good.request(body=None, headers=())


def _members(body: bytes) -> Iterator[bytes]:
    """An object with one member after the other replaced, and left out, and given twice, and with one too many."""
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    for name in members:
        rest = orjson.dumps({other: value for other, value in members.items() if other != name})
        yield rest
        for value in VALUES:
            yield _joined(rest, name, value)
    for value in VALUES:
        yield _joined(body, "unknown", value)


def _joined(rest: bytes, name: str, value: bytes) -> bytes:
    comma = b"," if rest != b"{}" else b""
    return b"%b%b%b:%b}" % (rest[:-1], comma, orjson.dumps(name), value)


def _framed(good: corpus.Good, rules: Rules) -> Iterator[Attack]:
    """The same body, cut into pieces, cut off, and announced wrongly."""
    body = good.body or b"{}"
    plain = good.request(headers=(("Content-Type", good.media),), body=None)
    chunked = written(plain, rules.credentials, framing=(("Transfer-Encoding", "chunked"),))
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    for sent in (pieces + b"0\r\n\r\n", pieces + b"0\r\nX-Trailer: 1\r\n\r\n", b"0\r\n\r\n"):
        yield Attack(chunked + sent, good.method)
    for sent in (b"xyz\r\n", b"-1\r\n\r\n", b"fffffffffffffffffff\r\n"):
        yield Attack(chunked + sent, good.method, broken=True)
    yield Attack(chunked + pieces, good.method, cut=True)
    announced = written(plain, rules.credentials, framing=(("Content-Length", str(len(body) + 10)),))
    yield Attack(announced + body, good.method, cut=True)
