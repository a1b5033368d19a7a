"""Real jobs of a real server that report through the API with curl, and no token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.ecflow_gateway import Site, served

HEAD = """\
report() { curl -sS --fail-with-body -X PUT "%API%/suites%ECF_NAME%/$1" -H 'content-type: application/json' -d "$2"; }
me='"ECF_NAME":"%ECF_NAME%","ECF_PASS":"%ECF_PASS%","ECF_TRYNO":"%ECF_TRYNO%","ECF_RID":"4711"'
set -e
report status "{\\"action\\":\\"init\\",$me}"
"""
TAIL = 'report status "{\\"action\\":\\"complete\\",$me}"\n'
BODY = r"""
report attributes "{\"type\":\"event\",\"name\":\"ready\",$me}"
report attributes "{\"type\":\"meter\",\"name\":\"step\",\"value\":120,$me}"
report attributes "{\"type\":\"label\",\"name\":\"info\",\"value\":\"it's 50 # done\",$me}"
report attributes "{\"type\":\"queue\",\"name\":\"q\",\"queue_action\":\"active\",$me}"
report attributes "{\"type\":\"queue\",\"name\":\"q\",\"queue_action\":\"complete\",\"queue_step\":\"a\",$me}"
report status "{\"action\":\"wait\",\"wait_expression\":\"other == complete\",$me}"
"""


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("tasks")) as started:
        yield started


def test_a_suite_runs_to_its_end(site: Site) -> None:
    server = site.server
    (server.include / "head.h").write_text(HEAD)
    (server.include / "tail.h").write_text(TAIL)
    server.script("/s/t", BODY)
    server.script("/s/other", "true")
    server.script("/s/bad", 'report status "{\\"action\\":\\"abort\\",\\"abort_why\\":\\"disk full\\",$me}"; exit 0')
    text = f"""suite s
{server.variables}  edit API '{site.url}'
  task t
    event ready
    meter step 0 240
    label info "none"
    queue q a b
  task other
  task bad
endsuite
"""
    with site.client() as client:
        assert client.post("/suites", json={"definition": text}).status_code == 201
        assert client.put("/suites/s/status", json={"action": "begin"}).status_code == 200
        server.wait_for("/s/t", "complete", 40)
        server.wait_for("/s/bad", "aborted")
        shown = client.get("/suites/s/t/attributes").json()
        output = client.get("/suites/s/t/output").json()["job_output"]
    assert shown["events"][0]["value"] is True
    assert shown["meters"][0]["value"] == 120
    assert shown["labels"] == [{"name": "info", "value": "it's 50 # done"}]
    assert '"step":"a"' in output
