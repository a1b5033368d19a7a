"""What is particular to the document of the Supvisors API: its size, its names, and what it takes as text."""

from __future__ import annotations

import inspect
import itertools
import re
import shlex
from collections import Counter
from typing import Any

import jsonschema_rs
import pytest
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.xmlrpc import SystemNamespaceRPCInterface
from supvisors.rpcinterface import RPCInterface

from opsgate import spec

DOCUMENT = spec.load("supvisors")
OPERATIONS = [(path, method, operation) for path, method, operation in spec.operations(DOCUMENT)]

# What the daemon offers and the document leaves out.
OLD_NAMES = {"getVersion", "readMainLog", "readProcessLog", "tailProcessLog", "clearProcessLog"}
LEFT_OUT = {"multicall", *OLD_NAMES, "get_logger_levels"}
# What the document makes of one method.
SPLIT = {
    "end_sync": {"end_sync", "end_sync/{identifier}"},
    "update_numprocs": {"update_numprocs", "lazy_update_numprocs"},
    "enable_host_statistics": {"enable_host_statistics", "disable_host_statistics"},
    "enable_process_statistics": {"enable_process_statistics", "disable_process_statistics"},
}
TEXTS = [p for p in DOCUMENT["components"]["parameters"].values() if "pattern" in p["schema"]]
NAMES = [p for p in TEXTS if p["in"] == "path" and p["schema"].get("format") is None]


def component(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = DOCUMENT["components"]["parameters"][name]["schema"]
    return schema


def fits(schema: dict[str, Any], text: str) -> bool:
    return jsonschema_rs.Draft4Validator(schema).is_valid(text)


def rest_names(interface: type, prefix: str = "") -> set[str]:
    methods = {n for n, _ in inspect.getmembers(interface, inspect.isroutine) if not n.startswith("_")} - LEFT_OUT
    return set().union(*(SPLIT.get(name, {name.removeprefix(prefix)}) for name in methods))


def paths_below(root: str) -> set[str]:
    return {
        re.sub(r"(?<!end_sync)/\{.*", "", path.removeprefix(f"/{root}/"))
        for path, _, _ in OPERATIONS
        if path.startswith(f"/{root}/")
    }


class TestOperations:
    def test_are_as_many_as_the_document_has(self) -> None:
        assert Counter(operation["tags"][0] for _, _, operation in OPERATIONS) == {
            "system": 3,
            "supervisor": 32,
            "supvisors": 48,
        }

    @pytest.mark.parametrize(
        ("root", "interface", "prefix"),
        [
            ("system", SystemNamespaceRPCInterface, ""),
            ("supervisor", SupervisorNamespaceRPCInterface, ""),
            ("supvisors", RPCInterface, "get_"),
        ],
    )
    def test_are_all_that_the_daemon_offers(self, root: str, interface: type, prefix: str) -> None:
        assert paths_below(root) == rest_names(interface, prefix)

    def test_are_named_like_their_paths(self) -> None:
        for path, method, operation in OPERATIONS:
            root, name, *arguments = path[1:].split("/")
            function = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
            if (root, method) == ("supvisors", "get"):
                function = f"get_{function}"
            if (name, arguments) == ("end_sync", ["{identifier}"]):
                function += "_with_master"
            assert operation["operationId"] == f"{root}.{function}"
            assert operation["tags"] == [root]

    def test_read_with_get_and_act_with_post(self) -> None:
        reading = {operation["operationId"] for _, method, operation in OPERATIONS if method == "get"}
        acting = {operation["operationId"] for _, method, operation in OPERATIONS if method == "post"}
        assert len(reading) + len(acting) == len(OPERATIONS)
        assert {name.split(".")[1].split("_")[0] for name in reading} == {"list", "method", "get", "read", "tail"}

    def test_have_no_body(self) -> None:
        assert [path for path, _, operation in OPERATIONS if "requestBody" in operation] == []

    def test_tell_when_to_come_back(self) -> None:
        for path, _, operation in OPERATIONS:
            answer = DOCUMENT["components"]["responses"][operation["responses"]["503"]["$ref"].rpartition("/")[2]]
            assert "Retry-After" in answer["headers"], path


class TestTexts:
    @pytest.mark.parametrize("parameter", TEXTS, ids=lambda p: str(p["name"]))
    def test_hold_nothing_that_xml_cannot_carry(self, parameter: dict[str, Any]) -> None:
        illegal = [*range(9), 0xB, 0xC, *range(0xE, 0x20), 0xFFFE, 0xFFFF]
        assert [code for code in illegal if fits(parameter["schema"], f"a{chr(code)}b")] == []

    @pytest.mark.parametrize("parameter", NAMES, ids=lambda p: str(p["name"]))
    def test_are_any_name_in_one_segment(self, parameter: dict[str, Any]) -> None:
        names = ["a", "a b", "a:b:c", "a:*", "%", "'", "{}", "\xe9", "\N{EURO SIGN}", "\N{GRINNING FACE}", "\ufffd"]
        assert [name for name in names if not fits(parameter["schema"], name)] == []
        assert [name for name in ("", "a/b", "a\nb", "a\tb", "a\n") if fits(parameter["schema"], name)] == []

    @pytest.mark.parametrize("name", ["Chars", "EventData"])
    def test_are_any_lines_in_what_is_passed_on(self, name: str) -> None:
        assert fits(component(name), "a/b\tc\r\n\x7f\N{GRINNING FACE}\n")

    def test_are_signals_in_any_spelling(self) -> None:
        assert all(fits(component("Signal"), text) for text in ("HUP", "SIGHUP", "sighup", "1", "0", "64", "FOO"))
        assert not any(fits(component("Signal"), text) for text in ("", "-1", "+1", "a b"))

    def test_of_extra_args_are_what_a_shell_would_split(self) -> None:
        validator = jsonschema_rs.Draft4Validator(component("ExtraArgs"))
        for letters in itertools.chain.from_iterable(itertools.product("a '\"\\", repeat=n) for n in range(7)):
            text = "".join(letters)
            assert validator.is_valid(text) == splits(text), text


def splits(text: str) -> bool:
    try:
        shlex.split(text)
    except ValueError:
        return False
    return True
