"""What browsers get, and when: HTML only for who prefers it."""

from __future__ import annotations

import httpx
import pytest

from tests.engines.flux_double import FluxDouble, finished

pytestmark = pytest.mark.anyio

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


async def media(client: httpx.AsyncClient, path: str, accept: str | None) -> str:
    client.headers.pop("accept", None)
    answer = await client.get(path, headers={} if accept is None else {"Accept": accept})
    assert answer.status_code == 200
    return answer.headers["content-type"].partition(";")[0]


class TestList:
    @pytest.mark.parametrize("path", ["/jobs", "/v1/jobs"])
    @pytest.mark.parametrize(
        "accept", [BROWSER, "text/html", "text/*", "application/json;q=0.5, text/html", "TEXT/HTML"]
    )
    async def test_as_a_table(self, client: httpx.AsyncClient, path: str, accept: str) -> None:
        assert await media(client, path, accept) == "text/html"

    @pytest.mark.parametrize("path", ["/jobs", "/v1/jobs"])
    @pytest.mark.parametrize(
        "accept",
        [None, "", "*/*", "application/json", "text/html, application/json", "text/html;q=0.5, */*", "text/html;q=0"],
    )
    async def test_as_json(self, client: httpx.AsyncClient, path: str, accept: str | None) -> None:
        assert await media(client, path, accept) == "application/json"

    async def test_only_the_list(self, client: httpx.AsyncClient, engine: FluxDouble) -> None:
        job = engine.put(finished())
        for path in (f"/jobs/{job.id}", "/nodes", f"/v1/jobs/{job.id}", "/jobs/search"):
            assert await media(client, path, BROWSER) == "application/json"


class TestStartPage:
    @pytest.mark.parametrize("path", ["/", "/v1"])
    @pytest.mark.parametrize("accept", [BROWSER, "*/*", None, "text/html, application/json"])
    async def test_is_a_page(self, client: httpx.AsyncClient, path: str, accept: str | None) -> None:
        assert await media(client, path, accept) == "text/html"

    @pytest.mark.parametrize("path", ["/", "/v1"])
    async def test_as_json(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(path, headers={"Accept": "application/json"})
        described = answer.json()
        assert (described["name"], described["engine"], described["auth"]) == ("Flux RESTful API", "local", False)
        for link in described["links"].values():
            assert (await client.get(f"/{link}")).status_code in (200, 307), link

    async def test_has_nothing_from_elsewhere(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/", headers={"Accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "//" not in answer.text.replace("<!doctype html>", "")
        for asset in ("jobs.js", "jobs.css"):
            assert f'"assets/{asset}"' in answer.text
            for base in ("", "/v1"):
                found = await client.get(f"{base}/assets/{asset}")
                assert (found.status_code, found.headers["x-content-type-options"]) == (200, "nosniff")

    async def test_without_a_slash(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("http://127.0.0.1/flux")
        assert (answer.status_code, answer.headers["location"]) == (307, "/flux/")


class TestDocs:
    @pytest.mark.parametrize("base", ["", "/v1"])
    async def test_lead_to_swagger_ui(self, client: httpx.AsyncClient, base: str) -> None:
        answer = await client.get(f"{base}/docs")
        assert (answer.status_code, answer.headers["location"]) == (307, "/ui/?urls.primaryName=flux")

    @pytest.mark.parametrize("base", ["", "/v1"])
    async def test_document(self, client: httpx.AsyncClient, base: str) -> None:
        assert (await client.get(f"{base}/openapi.json")).json()["info"]["title"] == "Flux RESTful API"

    @pytest.mark.parametrize("path", ["/assets/../front.py", "/assets/", "/assets/no", "/assets/%2e%2e/front.py"])
    async def test_no_other_file_is_sent(self, client: httpx.AsyncClient, path: str) -> None:
        assert (await client.get(path)).status_code == 404
