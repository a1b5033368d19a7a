"""What the frame does for this API: JSON whatever it is called, a plus as the document writes it, finished JSON."""

from __future__ import annotations

import gzip
from typing import Any

import msgspec
import pytest
from starlette.types import ASGIApp

from opsgate import spec
from opsgate.apis import redengine
from opsgate.app import assemble
from opsgate.backends.redengine.port import Document, LogPage
from opsgate.config import ConfigError
from opsgate.redengine import chosen
from opsgate.settings import Redengine as Section
from opsgate.settings import Settings
from tests.compiled.asgi import Answer, Request, send
from tests.handlers.redengine.fake import Port

pytestmark = pytest.mark.anyio

FORM = (("content-type", "application/x-www-form-urlencoded"),)


class Service:
    """The whole service over a port that notes what it is asked."""

    def __init__(self) -> None:
        self.port: Any = Port()
        self.app: ASGIApp = assemble(Settings(), [(redengine.API, spec.load("redengine"), self.port)])

    async def __call__(
        self, method: str, target: str, body: bytes | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> Answer:
        return await send(self.app, Request(method, f"/redengine{target}", headers, body))


@pytest.fixture
def service() -> Service:
    return Service()


class TestBodies:
    @pytest.mark.parametrize(
        "media",
        [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/x-www-form-urlencoded",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/octet-stream",
            "nonsense",
            "",
        ],
    )
    async def test_are_json_whatever_they_are_called(self, service: Service, media: str) -> None:
        headers = (("content-type", media),) if media else ()
        answer = await service("POST", "/tasks/my-new-task", b'{"code": "1"}', headers)
        assert (answer.status, answer.json) == (200, {"k": 1})
        assert service.port.asked == [("create", "my-new-task", {"code": "1"})]

    @pytest.mark.parametrize(
        ("body", "detail"),
        [
            (b"{", "The body is not valid JSON"),
            (b"code=1", "The body is not valid JSON"),
            (b"[]", '[] is not of type "object"'),
            (b'"code"', 'is not of type "object"'),
            (b'{"cod": 1}', "'cod' was unexpected"),
            (b'{"priority": "x"}', '"x" is not of type "integer" - \'priority\''),
            (b'{"start_cond": 1}', "start_cond"),
            (b"", "RequestBody is required"),
        ],
    )
    async def test_that_are_wrong_are_told_so(self, body: bytes, detail: str) -> None:
        service = Service()
        answer = await service("POST", "/task/my-new-task", body, FORM)
        told = answer.json
        assert detail in told["detail"]
        assert told == {"title": "Bad Request", "status": 400, "detail": told["detail"], "message": told["detail"]}
        assert (answer.status, service.port.asked) == (400, [])

    async def test_from_other_sites_are_refused(self, service: Service) -> None:
        headers = (*FORM, ("origin", "http://evil.example"))
        answer = await service("POST", "/tasks/a", b'{"code": "1"}', headers)
        assert (answer.status, answer.json["title"], service.port.asked) == (403, "Forbidden", [])

    async def test_that_are_too_large_are_refused(self, service: Service) -> None:
        answer = await service("POST", "/tasks/a", b'{"code": "' + b"1" * 1_000_000 + b'"}', FORM)
        assert (answer.status, answer.json["status"], service.port.asked) == (413, 413, [])


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", []),
            (
                "timestamp$min=2021-01-01&timestamp$max=2021-12-31",
                [("timestamp$min", "2021-01-01"), ("timestamp$max", "2021-12-31")],
            ),
            ("action=fail&action=terminate", [("action", "fail"), ("action", "terminate")]),
            ("name%24regex=a%2Bb", [("name$regex", "a+b")]),
            ("name$regex=scraper.%2", [("name$regex", "scraper.+")]),
            ("name$regex=%2%2+%2&x=%2f%2F%2b%25", [("name$regex", "++ +"), ("x", "//+%")]),
            ("name=a,b&name=%C3%A9", [("name", "a,b"), ("name", "é")]),
            ("name=&disabled", [("name", ""), ("disabled", "")]),
        ],
    )
    async def test_come_as_they_were_sent(self, service: Service, query: str, expected: list[tuple[str, str]]) -> None:
        answer = await service("GET", f"/tasks?{query}")
        assert (answer.status, answer.json) == (200, [{"name": "a"}])
        assert service.port.asked == [("tasks", expected)]

    async def test_of_the_log_without_its_paging(self, service: Service) -> None:
        answer = await service("GET", "/logs?limit=2&action$not=run&order=desc")
        assert answer.status == 200
        (asked,) = service.port.asked
        assert asked[1] == [("action$not", "run")]
        assert (asked[2].limit, asked[2].newest_first) == (2, True)

    @pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=", "offset=-1", "after_id=a", "order=up"])
    async def test_with_wrong_paging_are_refused(self, service: Service, query: str) -> None:
        answer = await service("GET", f"/logs?{query}")
        assert (answer.status, service.port.asked) == (400, [])
        assert query.partition("=")[0] in answer.json["message"]


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("a b", "a b"),
            ("a%20b", "a b"),
            ("%C3%A9%E2%98%83", "é☃"),
            ("run", "run"),
            ("a:b%3Bc", "a:b;c"),
            ("100%25", "100%"),
        ],
    )
    async def test_names_of_tasks(self, service: Service, path: str, name: str) -> None:
        for at in (f"/tasks/{path}", f"/task/{path}"):
            assert (await service("GET", at.replace(" ", "%20"))).status == 200
        assert service.port.asked == [("task", name), ("task", name)]

    @pytest.mark.parametrize("path", ["/tasks/a%2Fb", "/task/a/b", "/tasks/", "/task", "/nothing", "/tasks/a/rum"])
    async def test_that_are_none(self, service: Service, path: str) -> None:
        answer = await service("GET", path)
        assert (answer.status, answer.json["title"], service.port.asked) == (404, "Not Found", [])

    async def test_an_encoded_slash_leads_to_no_addition(self, service: Service) -> None:
        assert (await service("POST", "/tasks/a%2Frun")).status == 404
        assert service.port.asked == []

    async def test_wrong_methods(self, service: Service) -> None:
        answer = await service("PUT", "/tasks/a", b"{}")
        allowed = set(answer.headers["allow"].replace(" ", "").split(","))
        assert (answer.status, answer.json["status"]) == (405, 405)
        assert allowed - {"HEAD"} == {"GET", "POST", "PATCH", "DELETE"}


class TestAnswers:
    async def test_deleting_answers_null(self, service: Service) -> None:
        answer = await service("DELETE", "/tasks/a")
        assert (answer.status, answer.body) == (200, b"null")

    async def test_are_not_sent_again_to_whom_has_them(self, service: Service) -> None:
        first = await service("GET", "/tasks/a")
        again = await service("GET", "/tasks/a", headers=(("if-none-match", first.headers["etag"]),))
        assert (first.status, first.headers["etag"], again.status, again.body) == (200, 'W/"1-3"', 304, b"")

    async def test_to_changes_have_no_etag(self, service: Service) -> None:
        answer = await service("PATCH", "/tasks/a", b"{}", (("if-none-match", "*"),))
        assert (answer.status, "etag" in answer.headers) == (200, False)

    async def test_are_compressed_where_that_is_taken(self, service: Service) -> None:
        body = b'[{"name":"' + b"a" * 5000 + b'"}]'
        service.port._documents["tasks"] = Document(body, "1")
        answer = await service("GET", "/tasks", headers=(("accept-encoding", "gzip"),))
        assert (answer.headers["content-encoding"], gzip.decompress(answer.body)) == ("gzip", body)

    @pytest.mark.parametrize(
        ("query", "link"),
        [
            ("limit=1", "</redengine/logs?limit=1&after_id=7>"),
            ("action=a%26b&limit=1&offset=5&after_id=3", "</redengine/logs?action=a%26b&limit=1&after_id=7>"),
            ("timestamp$min=2021-01-01&limit=1", "</redengine/logs?timestamp%24min=2021-01-01&limit=1&after_id=7>"),
        ],
    )
    async def test_name_the_next_page(self, service: Service, query: str, link: str) -> None:
        service.port.pages = [LogPage(b"[]", 7)]
        answer = await service("GET", f"/logs?{query}")
        assert answer.headers["link"] == f'{link}; rel="next"'

    async def test_the_last_page_names_none(self, service: Service) -> None:
        assert "link" not in (await service("GET", "/logs?limit=1")).headers

    async def test_a_long_log_comes_in_pieces(self, service: Service) -> None:
        service.port.pages = [LogPage(b'[{"id":1}]', 1), LogPage(b'[{"id":2}]', None)]
        answer = await service("GET", "/logs")
        assert (answer.status, answer.json) == (200, [{"id": 1}, {"id": 2}])
        assert answer.headers["content-type"] == "application/json"
        assert "content-length" not in answer.headers


class TestOptions:
    def test_unknown_classes_are_refused_by_name(self) -> None:
        with pytest.raises(ConfigError, match=r"redengine.classes: 'Restart' is not one of CodeTask, CommandTask"):
            chosen.options(Settings(redengine=Section(classes=["Restart"])))

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("timeout = -1", "redengine.timeout: -1.0 is less than 0"),
            ("keep_runs = 0", "redengine.keep_runs: 0 is less than 1"),
            ("keep_records = -5", "redengine.keep_records: -5 is less than 1"),
        ],
    )
    def test_numbers_out_of_range_are_refused_by_name(self, text: str, told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            chosen.options(Settings(redengine=msgspec.toml.decode(text, type=Section)))

    def test_say_what_the_settings_say(self) -> None:
        text = "shell = true\ntimeout = 0\nstate_dir = '/s'\nmodules = ['a']\ndirectory = '/d'\nkeep_runs = 3\n"
        options = chosen.options(Settings(redengine=msgspec.toml.decode(text, type=Section)))
        assert (str(options.root), options.modules, options.shell) == ("/s", ("a",), True)
        assert (options.timeout, options.directory, options.keep_runs) == (None, "/d", 3)
