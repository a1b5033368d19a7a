"""A browser that is told by the ecFlow API that credentials are needed."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, HttpCredentials

from tests.engines.ecflow_gateway import running
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.filterwarnings("ignore:'crypt' is deprecated:DeprecationWarning")

SUSPEND = """
async url => {
    const headers = {"Content-Type": "application/json"}
    return (await fetch(url, {method: "PUT", headers, body: '{"action": "suspend"}'})).status
}
"""


def test_it_asks_its_user(browser: Browser, tmp_path: Path) -> None:
    server = EcflowServer(tmp_path / "server", passwords={"service": "secret", "mary": "lamb"})
    server.start()
    try:
        server.load("suite s\n  task t\nendsuite\n")
        with running(tmp_path, server, environment={"ECF_USER": "service", "ECF_PASS": "secret"}) as site:
            for password, status in (("lamb", 200), ("wolf", 401)):
                told: HttpCredentials = {"username": "mary", "password": password}
                with browser.new_context(http_credentials=told) as context:
                    page = context.new_page()
                    page.goto(f"{site.url}/suites")
                    assert page.evaluate(SUSPEND, f"{site.url}/suites/s/status") == status
    finally:
        server.terminate()
