"""Our own pages over HTTP, on a shared address and on an API's own."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from opsgate import __version__
from tests.engines.gateway import Gateway, free_port


@dataclass
class Served:
    """A gateway whose engine is away: `url` is shared, `own` has the Supvisors API at the root."""

    url: str
    own: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shared, own = free_port(), free_port()
    directory = tmp_path_factory.mktemp("pages")
    binds = ["--bind", f"127.0.0.1:{shared}", "--bind", f"supvisors=127.0.0.1:{own}"]
    environment = {"OPSGATE_SUPVISORS_URL": f"unix://{directory}/none"}
    with Gateway(["serve", "--api", "supvisors", *binds], shared, directory / "log", environment) as running:
        yield Served(running.url, f"http://127.0.0.1:{own}")


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=60, allow_redirects=False)


class TestHome:
    def test_is_json_for_programs(self, served: Served) -> None:
        body = get(served.url).json()
        assert (body["name"], body["version"]) == ("opsgate", __version__)
        assert body["apis"] == [
            {
                "name": "supvisors",
                "title": "Supvisors REST API",
                "path": "/supvisors/",
                "openapi": "/supvisors/openapi.json",
            }
        ]

    def test_is_a_page_for_people(self, served: Served) -> None:
        answer = get(served.url, Accept="text/html")
        assert answer.headers["content-type"].startswith("text/html")
        assert "/ui/?urls.primaryName=supvisors" in answer.text

    def test_leads_to_the_ui_on_an_own_address(self, served: Served) -> None:
        answer = get(f"{served.own}/", Accept="text/html")
        assert (answer.status_code, answer.headers["location"]) == (307, "/ui/")


class TestHealth:
    @pytest.mark.parametrize("address", ["url", "own"])
    def test_healthz_says_that_we_live(self, served: Served, address: str) -> None:
        assert get(f"{getattr(served, address)}/healthz").json() == {"status": "ok", "version": __version__}

    @pytest.mark.parametrize("address", ["url", "own"])
    def test_readyz_names_the_engine_that_is_away(self, served: Served, address: str) -> None:
        answer = get(f"{getattr(served, address)}/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert answer.json()["engines"]["supvisors"]["error"].endswith("No such file or directory")


class TestDocuments:
    def test_servers_are_where_the_api_is(self, served: Served) -> None:
        assert get(f"{served.url}/supvisors/openapi.json").json()["servers"] == [{"url": "/supvisors"}]
        assert get(f"{served.own}/openapi.json").json()["servers"] == [{"url": "/"}]

    def test_the_menu_lists_what_is_served_here(self, served: Served) -> None:
        assert get(f"{served.url}/ui/apis.json").json() == {
            "urls": [{"name": "supvisors", "url": "/supvisors/openapi.json"}]
        }
        assert get(f"{served.own}/ui/apis.json").json() == {"urls": [{"name": "supvisors", "url": "/openapi.json"}]}


class TestUi:
    @pytest.mark.parametrize(
        "file", ["", "init.js", "opsgate.css", "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"]
    )
    def test_files_come_from_here_with_a_policy(self, served: Served, file: str) -> None:
        answer = get(f"{served.url}/ui/{file}")
        assert answer.status_code == 200
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize(
        "path", ["none.js", "../opsgate/config.py", "..%2f..%2fpyproject.toml", "%2e%2e/README.md"]
    )
    def test_nothing_else_does(self, served: Served, path: str) -> None:
        assert get(f"{served.url}/ui/{path}").status_code == 404

    def test_only_reading(self, served: Served) -> None:
        answer = requests.post(f"{served.url}/ui/", timeout=60)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")

    def test_unknown_paths_outside_the_apis(self, served: Served) -> None:
        answer = get(f"{served.url}/nowhere")
        assert (answer.status_code, answer.json()) == (404, {"status": 404, "message": "No such path: /nowhere"})
