"""The job table, as a person uses it: on a desk, on a phone, with and without credentials."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, HttpCredentials, Locator, Page, expect

from opsgate import tokens
from tests.engines.flux import USER, Flux


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    with Flux(tmp_path_factory.mktemp("flux")) as running:
        yield running


@pytest.fixture
def table(page: Page, flux: Flux) -> Page:
    """The page, connected."""
    return connected(page, flux.gateway.url)


def connected(page: Page, url: str) -> Page:
    page.goto(url)
    expect(page.locator("#live")).to_have_text("live")
    return page


def rows(page: Page, name: str) -> Locator:
    return page.locator("#jobs tr").filter(has=page.get_by_role("cell", name=name, exact=True))


def submit(page: Page, **fields: str) -> None:
    page.get_by_role("button", name="New job").click()
    for name, text in fields.items():
        page.locator(f"#submission [name={name}]").fill(text)
    page.get_by_role("button", name="Submit", exact=True).click()


class TestLife:
    def test_a_running_jobs_output_appears_and_the_job_is_cancelled(self, table: Page) -> None:
        submit(table, command="sh -c 'echo \"<b>begun</b>\"; exec sleep 600'", name="a life")
        job = rows(table, "a life")
        expect(job.locator(".state")).to_have_text("RUN")
        job.get_by_role("button", name="Output").click()
        expect(table.locator("#output")).to_have_text("<b>begun</b>\n", use_inner_text=True)
        expect(table.locator("#facts")).to_contain_text("RUN")
        table.once("dialog", lambda dialog: dialog.accept())
        table.get_by_role("button", name="Cancel the job").click()
        expect(table.locator("#facts")).to_contain_text("CANCELED")
        expect(table.get_by_role("button", name="Cancel the job")).to_be_hidden()
        table.locator("#job").get_by_role("button", name="Close").click()
        expect(job.locator(".state")).to_have_text("CANCELED")
        expect(job.get_by_role("button", name="Cancel")).to_be_hidden()

    def test_what_others_do_appears_by_itself(self, table: Page, flux: Flux) -> None:
        number = flux.submit("sleep 600", name="of others")
        expect(rows(table, "of others").locator(".state")).to_have_text("RUN")
        flux.client.post(f"/jobs/{number}/cancel")
        expect(rows(table, "of others").locator(".state")).to_have_text("CANCELED")

    def test_a_cancelling_that_is_not_meant(self, table: Page, flux: Flux) -> None:
        number = flux.submit("sleep 600", name="to stay")
        table.once("dialog", lambda dialog: dialog.dismiss())
        rows(table, "to stay").get_by_role("button", name="Cancel").click()
        assert flux.get(number)["state"] != "INACTIVE"
        flux.client.post(f"/jobs/{number}/cancel")

    def test_all_fields(self, table: Page, flux: Flux) -> None:
        fields = {"num_tasks": "2", "runtime": "60", "workdir": "/tmp", "urgency": "20", "envars": "A=b=c\n\nB= d"}
        submit(table, command="sh -c 'echo \"$A|$B\"; pwd'", name="with all", **fields)
        expect(rows(table, "with all").locator(".state")).to_have_text("COMPLETED")
        (job,) = flux.client.get("/jobs?name=with%20all").json()["jobs"]
        assert (job["ntasks"], job["duration"], job["urgency"]) == (2, 60.0, 20)
        assert sorted(flux.output(job["id"])) == ["/tmp\n", "/tmp\n", "b=c| d\n", "b=c| d\n"]


class TestFinding:
    @pytest.fixture(autouse=True)
    def jobs(self, flux: Flux) -> None:
        if not flux.client.get("/jobs?name=apple").json()["jobs"]:
            for name, command in (("apple", "true"), ("banana", "false"), ("cherry", "true")):
                flux.finished(flux.submit(command, name=name))

    def names(self, page: Page) -> list[str]:
        return page.locator("#jobs tr td:nth-child(2)").all_inner_texts()

    def test_search(self, table: Page) -> None:
        table.get_by_role("searchbox").fill("^.*(apple|cherry)")
        expect(table.locator("#jobs tr")).to_have_count(2)
        assert set(self.names(table)) == {"apple", "cherry"}
        table.get_by_role("searchbox").fill("no such thing (")
        expect(table.get_by_text("No jobs.")).to_be_visible()

    def test_states(self, table: Page) -> None:
        table.get_by_role("searchbox").fill("apple|banana|cherry")
        expect(table.locator("#jobs tr")).to_have_count(3)
        table.get_by_label("Show").select_option(label="failed, cancelled or over time")
        expect(table.locator("#jobs tr")).to_have_count(1)
        assert self.names(table) == ["banana"]

    def test_sorting(self, table: Page) -> None:
        table.get_by_role("searchbox").fill("apple|banana|cherry")
        expect(table.locator("#jobs tr")).to_have_count(3)
        assert self.names(table) == ["cherry", "banana", "apple"]
        heading = table.get_by_role("columnheader", name="Name")
        heading.get_by_role("button").click()
        assert (self.names(table), heading.get_attribute("aria-sort")) == (["apple", "banana", "cherry"], "ascending")
        heading.get_by_role("button").click()
        assert (self.names(table), heading.get_attribute("aria-sort")) == (["cherry", "banana", "apple"], "descending")
        table.get_by_role("columnheader", name="Job").get_by_role("button").click()
        assert self.names(table) == ["apple", "banana", "cherry"]


class TestElsewhere:
    def test_at_the_other_paths(self, page: Page, flux: Flux) -> None:
        flux.finished(flux.submit("true", name="everywhere"))
        for path in ("/jobs", "/v1/jobs", "/v1"):
            connected(page, f"{flux.gateway.url}{path}")
            expect(rows(page, "everywhere")).not_to_have_count(0)
        page.get_by_role("link", name="API documentation").click()
        expect(page.locator(".info .title")).to_contain_text("Flux RESTful API")

    def test_on_a_phone(self, page: Page, flux: Flux) -> None:
        flux.finished(flux.submit("true", name="a job with a rather long name " + "x" * 60))
        page.set_viewport_size({"width": 390, "height": 844})
        connected(page, flux.gateway.url)
        expect(page.locator("#jobs tr")).not_to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        submit(page, command="echo by thumb", name="by thumb")
        job = page.get_by_role("row").filter(has_text="by thumb").first
        job.get_by_role("button", name="Output").click()
        expect(page.locator("#output")).to_have_text("by thumb\n", use_inner_text=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_mistakes_are_told_all_at_once(browser: Browser, flux: Flux) -> None:
    """On a page of its own: Chromium's console tells of each answer 400."""
    with browser.new_context() as context:
        page = connected(context.new_page(), flux.gateway.url)
        submit(page, command="echo 'a", num_tasks="0")
        told = page.locator("#errors li")
        expect(told).to_have_text(["command: No closing quotation", "num_tasks: 0 is less than 1"])
        page.locator("#submission [name=command]").fill("echo a")
        page.locator("#submission [name=num_tasks]").fill("")
        page.get_by_role("button", name="Submit", exact=True).click()
        expect(page.locator("#submission")).to_be_hidden()


def test_credentials_are_asked_for_by_the_browser(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Flux(tmp_path_factory.mktemp("guarded"), USER) as flux:
        right: HttpCredentials = {"username": USER["FLUX_USER"], "password": USER["FLUX_TOKEN"]}
        wrong: HttpCredentials = {**right, "password": "wrong"}
        with browser.new_context(http_credentials=right) as context:
            page = connected(context.new_page(), flux.gateway.url)
            submit(page, command="true", name="by its user")
            expect(rows(page, "by its user").locator(".state")).to_have_text("COMPLETED")
        with browser.new_context(http_credentials=wrong) as context:
            page = context.new_page()
            page.goto(flux.gateway.url)
            expect(page.get_by_role("alert")).to_have_text("Incorrect user or token.")
            expect(page.locator("#live")).to_have_text("not live")
            expect(page.locator("#jobs tr")).to_have_count(0)


def test_a_token_of_the_service_is_asked_for_by_the_page(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("tokens")
    token = tokens.create(directory / "tokens.json", "for the table")
    settings = {"OPSGATE_SERVER_TOKENS_FILE": str(directory / "tokens.json")}
    with Flux(directory, settings, token=token) as flux, browser.new_context() as context:
        page = context.new_page()
        page.goto(flux.gateway.url)
        expect(page.get_by_role("alert")).to_contain_text("Credentials are needed")
        page.get_by_label("A token of this service").fill(token)
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#live")).to_have_text("live")
        submit(page, command="echo by token", name="by token")
        rows(page, "by token").get_by_role("button", name="Output").click()
        expect(page.locator("#output")).to_have_text("by token\n", use_inner_text=True)
