"""Twenty thousand nodes through the gateway: loaded, shown and changed by either worker. Only the whole is bounded."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from tests.backends.ecflow.test_large import FAMILIES, TASKS, large
from tests.engines.ecflow_gateway import Answer, Site, served

FULL = "/suites/tree?content=full"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway to which the large suite was posted; each request must be answered within half a minute."""
    with served(tmp_path_factory.mktemp("large")) as started:
        answer = started.ask("POST", "/suites", {"definition": large("big")})
        assert (answer.status, answer.headers["location"]) == (201, "/v1/suites/big/definition")
        yield started


def shown(answer: Answer) -> Answer:
    assert answer.status == 200, answer.body[:1000]
    return answer


def lines(definition: str, *kinds: str) -> list[str]:
    """The lines of some kinds; the server has an order of its own for what belongs to one node."""
    return [line for line in definition.split("\n") if line.strip().startswith(kinds)]


class TestTree:
    def test_basic(self, site: Site) -> None:
        tree = shown(site.ask("GET", "/suites/tree")).json()
        assert list(tree) == ["big"]
        assert len(tree["big"]) == FAMILIES
        assert sum(map(len, tree["big"].values())) == FAMILIES * TASKS

    def test_full_is_the_same_at_each_worker(self, site: Site) -> None:
        with site.lines() as lines:
            one, other = (shown(line.ask("GET", FULL)) for line in lines)
        assert len(one.body) > 5_000_000
        assert one.body == other.body
        families = one.json()["big"]["children"]
        assert sum(len(family["children"]) for family in families.values()) == FAMILIES * TASKS

    def test_of_one_family(self, site: Site) -> None:
        tree = shown(site.ask("GET", "/suites/big/f7/tree?content=full")).json()
        assert list(tree["f7"]["children"]) == [f"t{number}" for number in range(TASKS)]

    def test_compressed(self, site: Site) -> None:
        plain = shown(site.ask("GET", FULL))
        packed = shown(site.ask("GET", FULL, Accept_Encoding="gzip"))
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.body) * 10 < len(plain.body)
        assert gzip.decompress(packed.body) == plain.body

    def test_unchanged_is_not_sent_again(self, site: Site) -> None:
        known = shown(site.ask("GET", FULL)).headers["etag"]
        with site.lines() as lines:
            for line in lines:
                again = line.ask("GET", FULL, If_None_Match=known)
                assert (again.status, again.body, again.headers["etag"]) == (304, b"", known)


class TestOneNode:
    def test_definition_is_what_was_posted(self, site: Site) -> None:
        definition = shown(site.ask("GET", "/suites/big/definition")).json()["definition"]
        for kinds in (("suite", "family", "task", "end"), ("trigger",), ("edit",), ("inlimit",), ("event",)):
            assert lines(definition, *kinds) == lines(large("big"), *kinds)

    def test_change_is_shown_by_each_worker(self, site: Site) -> None:
        known = shown(site.ask("GET", FULL)).headers["etag"]
        with site.lines() as lines:
            for value, line in enumerate(lines, 1):
                shown(line.ask("PUT", "/suites/big/f7/t7/attributes", {"type": "meter", "name": "m", "value": value}))
                for reader in lines:
                    tree = shown(reader.ask("GET", FULL, If_None_Match=known)).json()
                    attributes = tree["big"]["children"]["f7"]["children"]["t7"]["attributes"]
                    assert {"name": "m", "min": 0, "max": 100, "value": value, "type": "meter"} in attributes
                    told = shown(reader.ask("GET", "/suites/big/f7/t7/attributes")).json()
                    assert told["meters"] == [{"name": "m", "min": 0, "max": 100, "value": value}]

    def test_change_of_structure_is_shown_by_each_worker(self, site: Site) -> None:
        with site.lines() as lines:
            shown(
                lines[0].ask("PUT", "/suites/big/f3/definition", {"definition": "task new\n  trigger t1 == complete\n"})
            )
            for line in lines:
                assert "new" in shown(line.ask("GET", "/suites/tree")).json()["big"]["f3"]
            shown(lines[1].ask("DELETE", "/suites/big/f3/new"))
            for line in lines:
                assert "new" not in shown(line.ask("GET", "/suites/tree")).json()["big"]["f3"]

    def test_status_of_a_node_far_down(self, site: Site) -> None:
        last = f"/suites/big/f{FAMILIES - 1}/t{TASKS - 1}/status"
        told = shown(site.ask("PUT", last, {"action": "suspend"})).json()
        assert told["status"] == "suspended"
        assert shown(site.ask("GET", last)).json()["status"] == "suspended"
        shown(site.ask("PUT", last, {"action": "resume"}))


def test_more_than_may_be_posted(site: Site) -> None:
    answer = site.ask("POST", "/suites", {"definition": large("huge") + "#" * 10_000_000})
    assert (answer.status, answer.json()["message"]) == (413, "The body is larger than 10000000 bytes")
    assert site.server.suites() == ["big"]
