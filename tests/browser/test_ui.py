"""The exploration page, as a person uses it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.engines.gateway import Gateway, free_port
from tests.engines.supervisord import Supervisord


@pytest.fixture(scope="module")
def gateway(supervisord: Supervisord, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a shared address and one of the Supvisors API alone (`own` is its port)."""
    shared, own = free_port(), free_port()
    binds = ["--bind", f"127.0.0.1:{shared}", "--bind", f"supvisors=127.0.0.1:{own}"]
    environment = {"OPSGATE_SUPVISORS_URL": supervisord.url}
    log = tmp_path_factory.mktemp("gateway") / "log"
    with Gateway(["serve", "--api", "supvisors", *binds], shared, log, environment) as running:
        running.own = f"http://127.0.0.1:{own}"  # type: ignore[attr-defined]
        yield running


class TestHome:
    def test_lists_the_apis_and_leads_to_them(self, page: Page, gateway: Gateway) -> None:
        page.goto(gateway.url)
        page.get_by_role("link", name="Supvisors REST API").click()
        expect(page.locator(".info .title")).to_contain_text("Supvisors REST API")


class TestExploration:
    def execute(self, page: Page, path: str) -> str:
        """Open an operation, try it out, and return the body that came."""
        block = page.locator(".opblock", has=page.locator(f"[data-path='{path}']"))
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Execute").click()
        answer = block.locator(".live-responses-table .response-col_description .microlight").first
        expect(answer).to_be_visible()
        return answer.inner_text()

    def test_offers_a_menu_of_the_apis(self, page: Page, gateway: Gateway) -> None:
        page.goto(f"{gateway.url}/ui/")
        menu = page.locator("select#select")
        expect(menu).to_be_visible()
        menu.select_option(label="supvisors")
        expect(page.locator(".info .title")).to_contain_text("Supvisors REST API")

    def test_executes_a_call(self, page: Page, gateway: Gateway) -> None:
        page.goto(f"{gateway.url}/ui/")
        assert '"statename": "RUNNING"' in self.execute(page, "/supervisor/getState")

    def test_executes_a_call_where_the_api_is_at_the_root(self, page: Page, gateway: Gateway) -> None:
        page.goto(gateway.own)  # type: ignore[attr-defined]
        expect(page).to_have_url(f"{gateway.own}/ui/")  # type: ignore[attr-defined]
        assert '"fsm_statename": "OPERATION"' in self.execute(page, "/supvisors/supvisors_state")

    def test_can_be_used_on_a_phone(self, page: Page, gateway: Gateway) -> None:
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{gateway.url}/ui/")
        expect(page.locator(".info .title")).to_contain_text("Supvisors REST API")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
