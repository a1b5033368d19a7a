"""Lists, pages and single jobs: which question reaches the engine, and how its answer looks at either base."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from opsgate.backends.errors import Away, Timeout
from opsgate.backends.flux import ids
from opsgate.backends.flux.port import Event, Selection
from tests.engines.flux_double import BEGAN, FIRST, FluxDouble, finished, running, waiting

pytestmark = pytest.mark.anyio

BASES = ("", "/v1")
F58 = ids.f58(FIRST)


def raw(attributes: dict[str, Any]) -> dict[str, Any]:
    return {**attributes, "f58": ids.f58(attributes["id"])}


def said(message: str) -> dict[str, str]:
    return {"Message": message, "detail": message}


@pytest.mark.parametrize("base", BASES)
class TestList:
    async def test_nothing(self, client: httpx.AsyncClient, base: str) -> None:
        answer = await client.get(f"{base}/jobs")
        assert (answer.status_code, answer.json()) == (200, {"jobs": []})

    async def test_as_flux_has_them(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(finished())
        engine.put(running(FIRST + 1))
        answer = await client.get(f"{base}/jobs")
        assert answer.json() == {"jobs": [raw(running(FIRST + 1)), raw(finished())]}
        assert engine.selections == [Selection()]

    @pytest.mark.parametrize("name", ["details", "detail"])
    @pytest.mark.parametrize("word", ["true", "1", "on", "yes", "True"])
    async def test_in_detail_by_id(
        self, client: httpx.AsyncClient, engine: FluxDouble, base: str, name: str, word: str
    ) -> None:
        engine.put(finished())
        jobs = (await client.get(f"{base}/jobs", params={name: word})).json()["jobs"]
        assert list(jobs) == [str(FIRST)]
        assert (jobs[str(FIRST)]["state"], jobs[str(FIRST)]["result"]) == ("INACTIVE", "COMPLETED")

    async def test_in_detail_as_an_array(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(running())
        (job,) = (await client.get(f"{base}/jobs?detail=true&listing=true")).json()["jobs"]
        assert (job["state"], job["result"], job["returncode"], job["waitstatus"]) == ("RUN", "", "", "")
        assert job["exception"] == {"occurred": "", "severity": "", "type": "", "note": ""}

    @pytest.mark.parametrize("query", ["details=false", "details=", "listing=true", "detail=0&details=off", "other=1"])
    async def test_without_details(self, client: httpx.AsyncClient, engine: FluxDouble, base: str, query: str) -> None:
        engine.put(finished())
        assert (await client.get(f"{base}/jobs?{query}")).json() == {"jobs": [raw(finished())]}

    async def test_filters(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        query = "states=RUN,SCHED&results=FAILED&results=TIMEOUT&name=echo&since=5.5&limit=3&offset=2"
        assert (await client.get(f"{base}/jobs?{query}")).json() == {"jobs": []}
        assert engine.selections == [Selection(("RUN", "SCHED"), ("FAILED", "TIMEOUT"), "echo", 5.5, "", 3, 2)]

    async def test_a_limit_of_nothing(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(finished())
        assert (await client.get(f"{base}/jobs?limit=0")).json() == {"jobs": []}

    @pytest.mark.parametrize(
        "query", ["details=maybe", "limit=-1", "limit=abc", "states=ASLEEP", "since=then", "offset=1.5", "results=x"]
    )
    async def test_wrong_parameters(self, client: httpx.AsyncClient, engine: FluxDouble, base: str, query: str) -> None:
        answer = await client.get(f"{base}/jobs?{query}")
        name, _, value = query.partition("=")
        assert answer.status_code == 400
        assert answer.json()["Message"] == answer.json()["detail"]
        assert answer.json()["Message"].startswith(f"query parameter '{name}': ")
        assert value in answer.json()["Message"]
        assert engine.selections == []


@pytest.mark.parametrize("base", BASES)
class TestUnchanged:
    @pytest.mark.parametrize("path", ["/jobs", "/jobs?details=true", "/jobs?details=true&listing=true", "/jobs/search"])
    async def test_is_304(self, client: httpx.AsyncClient, engine: FluxDouble, base: str, path: str) -> None:
        engine.put(finished())
        tag = (await client.get(f"{base}{path}")).headers["etag"]
        again = await client.get(f"{base}{path}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        engine.put(finished(FIRST + 1))
        changed = await client.get(f"{base}{path}", headers={"If-None-Match": tag})
        assert (changed.status_code, str(FIRST + 1) in changed.text) == (200, True)

    @pytest.mark.parametrize("path", ["/jobs", "/jobs?details=true", "/jobs/search?draw=1", "/jobs/search?draw=2"])
    async def test_compressed_it_is_the_same(
        self, client: httpx.AsyncClient, engine: FluxDouble, base: str, path: str
    ) -> None:
        for number in range(9):
            engine.put(finished(FIRST + number))
        plain = await client.get(f"{base}{path}", headers={"Accept-Encoding": "identity"})
        for _ in range(2):
            packed = await client.get(f"{base}{path}", headers={"Accept-Encoding": "gzip"})
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.json() == plain.json()

    async def test_what_moves_by_itself_has_no_tag(
        self, client: httpx.AsyncClient, engine: FluxDouble, base: str
    ) -> None:
        engine.put(running())
        assert "etag" in (await client.get(f"{base}/jobs")).headers
        assert "etag" not in (await client.get(f"{base}/jobs?details=true")).headers


@pytest.mark.parametrize("base", BASES)
class TestSearch:
    @pytest.fixture(autouse=True)
    def jobs(self, engine: FluxDouble) -> None:
        for number, name in enumerate(["echo", "sleep", "sleep", "hostname", "true"]):
            engine.put(finished(FIRST + number, name=name))

    async def found(self, client: httpx.AsyncClient, base: str, query: str) -> tuple[list[str], list[int]]:
        page = (await client.get(f"{base}/jobs/search?{query}")).json()
        numbers = [page[name] for name in ("draw", "recordsTotal", "recordsFiltered", "recordsMatching")]
        return [job["name"] for job in page["data"]], numbers

    async def test_everything(self, client: httpx.AsyncClient, base: str) -> None:
        assert await self.found(client, base, "") == (["true", "hostname", "sleep", "sleep", "echo"], [1, 5, 5, 5])

    async def test_the_filtered_are_the_page(self, client: httpx.AsyncClient, base: str) -> None:
        assert (await self.found(client, base, "start=1"))[1] == [1, 5, 4, 5]
        assert (await self.found(client, base, "start=1&length=3"))[1] == [1, 5, 3, 5]
        assert (await self.found(client, base, "start=9"))[1] == [1, 5, 0, 5]
        assert (await self.found(client, base, "length=-1&draw=7"))[1] == [7, 5, 5, 5]

    @pytest.mark.parametrize("name", ["search", "query", "search[value]", "search%5Bvalue%5D"])
    async def test_a_pattern(self, client: httpx.AsyncClient, base: str, name: str) -> None:
        assert await self.found(client, base, f"{name}=SL..P") == (["sleep", "sleep"], [1, 5, 2, 2])

    async def test_the_first_that_is_not_blank_counts(self, client: httpx.AsyncClient, base: str) -> None:
        names, _ = await self.found(client, base, "query=sleep&search[value]=&search=hostname")
        assert names == ["hostname"]

    @pytest.mark.parametrize("pattern", ["(", "[", "*", "a{2", "%5C"])
    async def test_no_pattern_is_plain_text(self, client: httpx.AsyncClient, base: str, pattern: str) -> None:
        assert await self.found(client, base, f"search={pattern}") == ([], [1, 5, 0, 0])

    @pytest.mark.parametrize("query", ["start=abc", "length=abc", "start=-1", "length=-2", "draw=x"])
    async def test_wrong_numbers(self, client: httpx.AsyncClient, base: str, query: str) -> None:
        answer = await client.get(f"{base}/jobs/search?{query}")
        assert (answer.status_code, "query parameter" in answer.json()["Message"]) == (400, True)


class TestOne:
    @pytest.mark.parametrize("uid", [str(FIRST), F58, f"f{F58[1:]}", hex(FIRST)])
    async def test_wrapped_with_numbers(self, client: httpx.AsyncClient, engine: FluxDouble, uid: str) -> None:
        engine.put(finished())
        answer = await client.get(f"/jobs/{uid}")
        assert (answer.status_code, answer.json()) == (200, {"job": raw(finished())})

    async def test_flat_with_names(self, client: httpx.AsyncClient, engine: FluxDouble) -> None:
        engine.put(finished())
        flat = {"state": "INACTIVE", "result": "COMPLETED", "returncode": 0, "runtime": 1.0}
        exception = {"occurred": False, "severity": "", "type": "", "note": ""}
        expected = {**raw(finished()), **flat, "exception": exception}
        assert (await client.get(f"/v1/jobs/{FIRST}")).json() == expected

    @pytest.mark.parametrize("base", BASES)
    async def test_waits(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(finished())
        assert (await client.get(f"{base}/jobs/{FIRST}?wait=1.5")).status_code == 200
        assert (await client.get(f"{base}/jobs/{FIRST}?wait=61")).status_code == 400
        assert engine.waited == [1.5]

    @pytest.mark.parametrize("base", BASES)
    @pytest.mark.parametrize("uid", ["abc", "1.5", "-1", "9" * 26, str(2**64), "%F0%9F%98%80", "f0", "0x", "search%20"])
    async def test_what_is_no_id(self, client: httpx.AsyncClient, base: str, uid: str) -> None:
        answer = await client.get(f"{base}/jobs/{uid}")
        assert (answer.status_code, "is not a job id" in answer.json()["Message"]) == (400, True)

    @pytest.mark.parametrize("base", BASES)
    async def test_what_is_no_clean_url(self, client: httpx.AsyncClient, base: str) -> None:
        for uid in ("%00", "1%00", "%FF"):
            assert (await client.get(f"{base}/jobs/{uid}")).status_code == 400

    @pytest.mark.parametrize("base", BASES)
    async def test_an_unknown_one(self, client: httpx.AsyncClient, base: str) -> None:
        answer = await client.get(f"{base}/jobs/12345")
        assert (answer.status_code, answer.json()) == (404, said("Job 12345 does not exist: unknown job id"))


@pytest.mark.parametrize("base", BASES)
class TestCancel:
    async def test_one_that_waits(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(waiting())
        answer = await client.post(f"{base}/jobs/{F58}/cancel")
        assert (answer.status_code, answer.json()) == (200, {"Message": "Job is requested to cancel.", "id": F58})
        assert engine.cancelled == [FIRST]

    async def test_one_that_is_over(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(finished())
        answer = await client.post(f"{base}/jobs/{FIRST}/cancel", content=b"ignored")
        assert (answer.status_code, answer.json()) == (400, said("Job cannot be cancelled: job is inactive."))

    async def test_an_unknown_one(self, client: httpx.AsyncClient, base: str) -> None:
        answer = await client.post(f"{base}/jobs/12345/cancel")
        assert (answer.status_code, answer.json()) == (404, said("Job cannot be cancelled: unknown job id."))

    @pytest.mark.parametrize("uid", ["abc", "-1"])
    async def test_what_is_no_id(self, client: httpx.AsyncClient, base: str, uid: str) -> None:
        assert (await client.post(f"{base}/jobs/{uid}/cancel")).status_code == 400


@pytest.mark.parametrize("base", BASES)
class TestUrgency:
    async def test_is_set(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(waiting())
        answer = await client.post(f"{base}/jobs/{FIRST}/urgency", json={"urgency": 0})
        assert (answer.status_code, answer.json()) == (200, {"Message": "The urgency is set.", "id": str(FIRST)})
        assert (await client.get(f"/jobs/{FIRST}")).json()["job"]["urgency"] == 0

    @pytest.mark.parametrize("body", [{}, {"urgency": 32}, {"urgency": -1}, {"urgency": "5"}, []])
    async def test_is_wrong(self, client: httpx.AsyncClient, engine: FluxDouble, base: str, body: object) -> None:
        engine.put(waiting())
        assert (await client.post(f"{base}/jobs/{FIRST}/urgency", json=body)).status_code == 400

    async def test_is_too_late(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(finished())
        answer = await client.post(f"{base}/jobs/{FIRST}/urgency", json={"urgency": 5})
        assert (answer.status_code, "job is inactive" in answer.json()["Message"]) == (400, True)


@pytest.mark.parametrize("base", BASES)
class TestOutput:
    NOTHING = "The output does not exist yet, or the jobid is incorrect."

    async def test_lines(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(finished())
        engine.outputs[FIRST] = ["pancakes 🥞️\n", "no newline"]
        answer = await client.get(f"{base}/jobs/{FIRST}/output")
        assert (answer.status_code, answer.json()) == (200, {"Output": ["pancakes 🥞️\n", "no newline"]})

    async def test_none_yet(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(waiting())
        answer = await client.get(f"{base}/jobs/{FIRST}/output")
        assert (answer.status_code, answer.json()) == (200, {"Message": self.NOTHING})

    @pytest.mark.parametrize(("uid", "status"), [("12345", 404), ("abc", 400)])
    async def test_of_no_job(self, client: httpx.AsyncClient, base: str, uid: str, status: int) -> None:
        answer = await client.get(f"{base}/jobs/{uid}/output")
        assert (answer.status_code, answer.json()) == (status, said(self.NOTHING))

    async def test_as_text(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        engine.put(finished())
        engine.outputs[FIRST] = ["é\n", "b"]
        answer = await client.get(f"{base}/jobs/{FIRST}/output/stream")
        assert (answer.text, answer.headers["content-type"]) == ("é\nb", "text/plain; charset=utf-8")

    @pytest.mark.parametrize(("uid", "status"), [("12345", 404), ("abc", 400)])
    async def test_as_text_of_no_job(self, client: httpx.AsyncClient, base: str, uid: str, status: int) -> None:
        answer = await client.get(f"{base}/jobs/{uid}/output/stream")
        assert (answer.status_code, "Message" in answer.json()) == (status, True)


@pytest.mark.parametrize("base", BASES)
class TestEvents:
    @pytest.fixture(autouse=True)
    def events(self, engine: FluxDouble) -> None:
        engine.happened = [
            Event("1", FIRST, "start", BEGAN),
            Event("2", FIRST + 1, "finish", BEGAN, {"status": 0}),
            Event("3", None, "reset", BEGAN),
        ]

    async def test_as_server_sent_events(self, client: httpx.AsyncClient, base: str) -> None:
        answer = await client.get(f"{base}/jobs/events")
        assert answer.headers["content-type"].startswith("text/event-stream")
        first = f'{{"id":{FIRST},"f58":"{F58}","name":"start","timestamp":{BEGAN},"context":{{}}}}'
        assert answer.text.startswith(f": connected\n\nid: 1\nevent: start\ndata: {first}\n\nid: 2\nevent: finish\n")
        assert '"context":{"status":0}' in answer.text
        assert answer.text.endswith(f'{{"id":null,"f58":null,"name":"reset","timestamp":{BEGAN},"context":{{}}}}\n\n')

    async def test_behind_the_last_that_was_seen(self, client: httpx.AsyncClient, base: str) -> None:
        answer = await client.get(f"{base}/jobs/events", headers={"Last-Event-ID": "2"})
        assert answer.text.startswith(": connected\n\nid: 3\n")

    async def test_of_one_job(self, client: httpx.AsyncClient, base: str) -> None:
        answer = await client.get(f"{base}/jobs/events?uid={ids.f58(FIRST + 1)}")
        assert [line for line in answer.text.splitlines() if line.startswith("id")] == ["id: 2"]

    async def test_of_what_is_no_job_or_event(self, client: httpx.AsyncClient, base: str) -> None:
        assert (await client.get(f"{base}/jobs/events?uid=abc")).status_code == 400
        answer = await client.get(f"{base}/jobs/events", headers={"Last-Event-ID": "x"})
        assert (answer.status_code, "Last-Event-ID" in answer.json()["Message"]) == (400, True)

    async def test_head_has_no_end_to_wait_for(self, client: httpx.AsyncClient, base: str) -> None:
        answer = await client.head(f"{base}/jobs/events")
        assert (answer.status_code, answer.content) == (200, b"")
        for path in ("/jobs/12345/output/stream", "/jobs/12345/output", "/jobs/12345"):
            assert (await client.head(f"{base}{path}")).status_code == 404


@pytest.mark.parametrize("base", BASES)
class TestFailures:
    @pytest.mark.parametrize(("failure", "status"), [(Away("Flux is gone"), 503), (Timeout("no answer"), 504)])
    @pytest.mark.parametrize("path", ["/jobs", "/nodes", f"/jobs/{FIRST}", "/jobs/events", "/jobs/search"])
    async def test_the_engine_is_away(
        self, client: httpx.AsyncClient, engine: FluxDouble, base: str, path: str, failure: Any, status: int
    ) -> None:
        engine.failure = failure
        answer = await client.get(f"{base}{path}")
        assert (answer.status_code, answer.json()) == (status, said(failure.message))
        engine.failure = None
        engine.put(finished())
        assert (await client.get(f"{base}{path}")).status_code == 200

    async def test_nodes(self, client: httpx.AsyncClient, base: str) -> None:
        assert (await client.get(f"{base}/nodes")).json() == {"nodes": ["vm"]}

    async def test_no_such_path_or_method(self, client: httpx.AsyncClient, base: str) -> None:
        for path in ("/nothing", "/jobs/", "/job/1", "/assets/nothing.js"):
            answer = await client.get(f"{base}{path}")
            assert (answer.status_code, answer.json()) == (404, said(f"No such path: /flux{base}{path}"))
        for path in ("/jobs", "/nodes"):
            answer = await client.delete(f"{base}{path}")
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
            assert answer.json() == said("Method Not Allowed")
