"""The outer edge, by itself."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from opsgate.guard import Guard, Limits
from opsgate.hosts import HostRule

pytestmark = pytest.mark.anyio


class Inner:
    """The app behind the guard: notes what reached it and answers 200."""

    def __init__(self) -> None:
        self.scope: Scope | None = None
        self.body = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        more = True
        while more:
            message = await receive()
            self.body += message.get("body", b"")
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def header(self, name: bytes) -> bytes | None:
        assert self.scope is not None
        return dict(self.scope["headers"]).get(name)


def render(path: str, status: int, message: str) -> bytes:
    return f"{path} {status} {message}".encode()


async def ask(
    inner: Inner,
    path: bytes = b"/x",
    query: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    body: list[bytes] | None = None,
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send a request through a guard of 100 bytes, lenient below /lenient/, and return the answer."""
    guard = Guard(
        inner, limits=Limits(100, HostRule(["127.0.0.1"]), ["/lenient/"]), render=render, seen=lambda *_: None
    )
    parts = list(body or [b""])
    sent: list[Message] = []

    async def receive() -> Message:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": [(b"host", b"127.0.0.1"), *(headers or [])],
    }
    await guard(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:])


class TestUrl:
    @pytest.mark.parametrize(
        ("path", "query", "status", "message"),
        [
            (b"/a%00", b"", 400, b"NUL"),
            (b"/a", b"q=%00", 400, b"NUL"),
            (b"/%ff", b"", 400, b"UTF-8"),
            (b"/a", b"q=%c3", 400, b"UTF-8"),
            (b"/" + b"a" * 8190, b"", 414, b"8190"),
        ],
    )
    async def test_unclean_ones_are_refused(self, path: bytes, query: bytes, status: int, message: bytes) -> None:
        inner = Inner()
        answered, _, body = await ask(inner, path, query)
        assert (answered, message in body, inner.scope) == (status, True, None)

    @pytest.mark.parametrize("path", [b"/a%0ab", b"/%c3%a9", b"/a%2fb", b"/+%20"])
    async def test_clean_ones_pass(self, path: bytes) -> None:
        assert (await ask(Inner(), path))[0] == 200


class TestRequestId:
    async def test_the_clients_own_is_kept(self) -> None:
        inner = Inner()
        _, headers, _ = await ask(inner, headers=[(b"x-request-id", b"abc-1")])
        assert headers[b"x-request-id"] == b"abc-1"
        assert inner.scope is not None
        assert inner.scope["request_id"] == "abc-1"

    @pytest.mark.parametrize("wrong", [b"", b"a b", b"x" * 129, b"a\xff", b"a\r\nb"])
    async def test_a_strange_one_is_replaced(self, wrong: bytes) -> None:
        _, headers, _ = await ask(Inner(), headers=[(b"x-request-id", wrong)])
        assert headers[b"x-request-id"] not in (wrong, b"")

    async def test_refusals_have_one(self) -> None:
        _, headers, _ = await ask(Inner(), b"/%ff")
        assert headers[b"x-request-id"]


class TestSite:
    @pytest.mark.parametrize("header", [(b"host", b"evil.example"), (b"origin", b"http://evil.example")])
    async def test_foreign_ones_are_refused(self, header: tuple[bytes, bytes]) -> None:
        inner = Inner()
        guard = Guard(inner, limits=Limits(100, HostRule(["127.0.0.1"])), render=render, seen=lambda *_: None)
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            raise AssertionError("the body of a refused request is not read")

        headers = [header] if header[0] == b"host" else [(b"host", b"127.0.0.1"), header]
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
        await guard(scope, receive, send)
        assert (sent[0]["status"], inner.scope) == (403, None)


class TestBody:
    async def test_without_a_media_type_is_json(self) -> None:
        inner = Inner()
        assert (await ask(inner, headers=[(b"content-length", b"2")], body=[b"{}"]))[0] == 200
        assert (inner.header(b"content-type"), inner.body) == (b"application/json", b"{}")

    async def test_media_types_are_lower_cased(self) -> None:
        inner = Inner()
        await ask(inner, headers=[(b"content-length", b"2"), (b"content-type", b"Application/JSON")], body=[b"{}"])
        assert inner.header(b"content-type") == b"application/json"

    async def test_the_boundary_of_a_multipart_body_is_kept(self) -> None:
        inner, media = Inner(), b"multipart/form-data; boundary=AbC"
        await ask(inner, headers=[(b"transfer-encoding", b"chunked"), (b"content-type", media)], body=[b"--AbC--"])
        assert inner.header(b"content-type") == media

    async def test_chunks_are_put_together_with_their_length(self) -> None:
        inner = Inner()
        headers = [(b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")]
        await ask(inner, headers=headers, body=[b'{"a"', b":1}"])
        assert (inner.header(b"content-length"), inner.header(b"transfer-encoding"), inner.body) == (
            b"7",
            None,
            b'{"a":1}',
        )

    @pytest.mark.parametrize("media", [b"application/x-www-form-urlencoded", b"text/plain"])
    async def test_json_under_another_name_where_clients_send_it(self, media: bytes) -> None:
        inner, headers = Inner(), [(b"content-length", b"2"), (b"content-type", media)]
        await ask(inner, b"/lenient/x", headers=headers, body=[b"{}"])
        assert inner.header(b"content-type") == b"application/json"
        strict = Inner()
        await ask(strict, b"/x", headers=headers, body=[b"{}"])
        assert strict.header(b"content-type") == media

    @pytest.mark.parametrize("charset", [b"latin-1", b"nope", b"utf-16"])
    async def test_json_in_another_charset_is_refused(self, charset: bytes) -> None:
        headers = [(b"content-length", b"2"), (b"content-type", b"application/json;charset=" + charset)]
        assert (await ask(Inner(), headers=headers, body=[b"{}"]))[0] == 415

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ([(b"content-length", b"101")], [b"x"]),
            ([(b"content-length", b"-1")], [b"x"]),
            ([(b"transfer-encoding", b"chunked")], [b"x" * 60, b"x" * 60]),
        ],
    )
    async def test_too_large(self, headers: list[tuple[bytes, bytes]], body: list[bytes]) -> None:
        inner = Inner()
        status, answer, _ = await ask(inner, headers=headers, body=body)
        assert (status, answer[b"connection"], inner.scope) == (413, b"close", None)
