"""What wrong requests to the Supvisors API get, over HTTP: the status, and a message in the document's shape."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
import requests

from tests.engines.gateway import Gateway, free_port
from tests.engines.supervisord import Supervisord

CONVERTER = "my_movies:converter_00"


@pytest.fixture(scope="module")
def gateway(supervisord: Supervisord, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    port = free_port()
    log = tmp_path_factory.mktemp("gateway") / "log"
    with Gateway(["supvisors", "-u", supervisord.url, "-p", str(port)], port, log) as running:
        yield running
        assert "Traceback" not in log.read_text()


def send(
    gateway: Gateway, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], object]:
    """Send exactly this, and return status, headers and the JSON that came."""
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, dict(answer.getheaders()), orjson.loads(data) if data else None
    finally:
        connection.close()


class TestRefused:
    """Refused with a message that names what is wrong; `code` where an XML-RPC fault says so."""

    @pytest.mark.parametrize(
        ("method", "path", "expected", "part"),
        [
            ("GET", "/nowhere", (404, None), "/nowhere"),
            ("GET", "/system/multicall", (404, None), "multicall"),
            ("GET", "/supvisors/local_supvisors_info", (404, None), "local_supvisors_info"),
            ("POST", "/supvisors/start_process/config/x", (400, None), "strategy"),
            ("POST", "/supvisors/start_process/NONE/x", (400, None), "strategy"),
            ("POST", "/supvisors/conciliate/nothing", (400, None), "strategy"),
            ("POST", "/supvisors/change_log_level/INFO", (400, None), "log_level"),
            ("POST", f"/supervisor/startProcess/{CONVERTER}?wait=maybe", (400, None), "wait"),
            ("GET", "/supervisor/readLog/a/0", (400, None), "offset"),
            ("GET", "/supervisor/readLog/0/-1", (400, None), "length"),
            ("GET", "/supervisor/readLog/-5/5", (400, 3), "BAD_ARGUMENTS"),
            ("GET", "/supervisor/readLog/0/99999999999", (400, None), "length"),
            ("GET", "/supervisor/readLog/1_0/0", (400, None), "offset"),
            ("GET", f"/supervisor/readLog/{'9' * 5000}/0", (400, None), "offset"),
            ("GET", f"/supervisor/tailProcessStdoutLog/{CONVERTER}/-1/5", (400, None), "offset"),
            ("POST", "/supvisors/update_numprocs/converter/0", (400, None), "numprocs"),
            ("POST", "/supvisors/update_numprocs/converter/50000", (400, None), "numprocs"),
            ("POST", "/supvisors/update_collecting_period/abc", (400, None), "period"),
            ("POST", "/supvisors/update_collecting_period/0.0", (400, None), "period"),
            ("POST", "/supvisors/update_collecting_period/-1", (400, None), "period"),
            ("POST", "/supvisors/update_collecting_period/nan", (400, None), "period"),
            ("GET", "/supervisor/getProcessInfo/a%00b", (400, None), "NUL"),
            ("GET", "/supervisor/getProcessInfo/a%01b", (400, None), "namespec"),
            ("GET", "/supervisor/getProcessInfo/%FF", (400, None), "UTF-8"),
            ("GET", "/supervisor/getProcessInfo/%F0%9F%98%80", (404, 10), "BAD_NAME"),
            ("GET", "/supervisor/getProcessInfo/a:b:c", (404, 10), "BAD_NAME"),
            ("GET", "/supervisor/getProcessInfo/my_movies:*", (404, 10), "BAD_NAME"),
            ("GET", "/supervisor/getProcessInfo/a%2Fb", (404, None), ""),
            ("GET", "/supervisor/getProcessInfo/", (404, None), ""),
            ("GET", f"/supervisor/getProcessInfo/{'x' * 6000}", (400, None), "namespec"),
            ("GET", f"/supervisor/getProcessInfo/{'x' * 9000}", (414, None), "8190"),
            ("GET", f"/supervisor/getProcessInfo/{'x' * 70_000}", (414, None), "8190"),
            ("POST", "/supvisors/start_any_process/CONFIG/%5B", (400, 2), "INCORRECT_PARAMETERS"),
            ("POST", "/supvisors/start_any_process/CONFIG/*", (400, 2), "INCORRECT_PARAMETERS"),
            ("POST", "/supvisors/start_args/my_movies:*", (400, 2), "my_movies:*"),
            ("POST", f"/supvisors/start_args/{CONVERTER}?extra_args=-d%20%22a", (400, None), "extra_args"),
            ("POST", f"/supervisor/signalProcess/{CONVERTER}/FOO", (400, 11), "BAD_SIGNAL"),
            ("GET", "/supvisors/inner_process_info/nobody/x", (404, 10), "BAD_NAME"),
            ("GET", "/system/methodHelp/none", (404, 4), "SIGNATURE_UNSUPPORTED"),
        ],
    )
    def test_by_path(self, gateway: Gateway, method: str, path: str, expected: object, part: str) -> None:
        status, headers, body = send(gateway, method, path)
        assert isinstance(body, dict)
        assert ((status, body.get("code")), headers["content-type"]) == (expected, "application/json"), body
        assert part in body["message"]
        assert len(body["message"]) < 1000
        assert set(body) <= {"message", "code"}

    def test_wrong_verb(self, gateway: Gateway) -> None:
        status, headers, body = send(gateway, "DELETE", "/supervisor/getState")
        assert (status, headers["allow"], isinstance(body, dict)) == (405, "GET, HEAD", True)

    def test_too_large_a_body(self, gateway: Gateway) -> None:
        status, _, body = send(gateway, "POST", "/supvisors/conciliate/USER", b"x" * 1_000_001)
        assert (status, body) == (413, {"message": "The body is larger than 1000000 bytes"})

    @pytest.mark.parametrize(
        "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
    )
    def test_foreign_sites(self, gateway: Gateway, headers: dict[str, str]) -> None:
        status, _, body = send(gateway, "POST", "/supervisor/restart", headers=headers)
        assert status == httpx.codes.FORBIDDEN
        assert list(body or []) == ["message"]  # type: ignore[call-overload]


class TestAccepted:
    """What old clients send, and must go on working."""

    @pytest.mark.parametrize(
        ("body", "media"),
        [
            (b"", "application/x-www-form-urlencoded"),
            (b"{}", "application/json"),
            (b"{broken", "application/json"),
            (b"\xff\xfe", "application/json"),
            (b"text", "text/plain"),
            (b"no boundary", "multipart/form-data"),
            (b"x", ""),
        ],
    )
    def test_any_body(self, gateway: Gateway, body: bytes, media: str) -> None:
        headers = {"Content-Type": media} if media else {}
        assert send(gateway, "POST", "/supvisors/change_log_level/info", body, headers)[::2] == (200, True)

    def test_unknown_query_parameters(self, gateway: Gateway) -> None:
        assert send(gateway, "GET", "/supervisor/getState?lazy=1&x=%20")[0] == httpx.codes.OK

    @pytest.mark.parametrize("namespec", ["player:movie_player", "player%3Amovie_player"])
    def test_colons_as_they_come(self, gateway: Gateway, namespec: str) -> None:
        _, _, body = send(gateway, "GET", f"/supervisor/getProcessInfo/{namespec}")
        assert isinstance(body, dict)
        assert body["name"] == "movie_player"

    def test_offset_beyond_the_log(self, gateway: Gateway) -> None:
        assert send(gateway, "GET", "/supervisor/readLog/100000000/0")[::2] == (200, "")

    @pytest.mark.parametrize("period", ["7", "7.5"])
    def test_periods_with_and_without_a_point(self, gateway: Gateway, period: str) -> None:
        try:
            assert send(gateway, "POST", f"/supvisors/update_collecting_period/{period}")[::2] == (200, True)
        finally:
            requests.post(f"{gateway.url}/supvisors/update_collecting_period/5", timeout=60)

    def test_a_line_for_standard_input(self, gateway: Gateway) -> None:
        sent = send(gateway, "POST", "/supervisor/sendProcessStdin/echo/a%2Fb%20%E2%82%AC%0A")
        assert sent[::2] == (200, True)

    def test_head(self, gateway: Gateway) -> None:
        status, headers, body = send(gateway, "HEAD", "/supervisor/getState")
        assert (status, headers["content-length"], body) == (200, "37", None)
