"""An API under attack: its gateway, how good requests to it look, and what it must look like afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import orjson

from opsgate import spec
from tests.compiled import corpus
from tests.engines.gateway import Gateway
from tests.hostile.attacks import Attack, Rules, attacks, spared, written
from tests.hostile.judge import Judge
from tests.hostile.wire import NoReplyError, Reply, Wire

GROWTH = 30 * 2**20
"""Bytes by which a worker may have grown after thousands of requests."""

Prepare = Callable[[str], Mapping[str, str]]
"""Puts things there before an operation's turn, and returns the values of parameters that name them."""


def nothing(_operation_id: str) -> Mapping[str, str]:
    """A `Prepare` for operations that need nothing."""
    return {}


def operations(api: str) -> list[str]:
    """The operationIds of an API."""
    return [operation["operationId"] for _, _, operation in spec.operations(spec.load(api))]


class Siege:
    """One API and its gateway.

    Args:
        api: The join key.
        gateway: The running service.
        alive: A path that a GET is answered 200 for as long as all is well.
        prepare: See `Prepare`.
        rules: What requests show of who asks.
        bodies: Good bodies, by operation, where the example of the document does more than it should here.
        sparing: Operations that end everything, or take long: they get little that can reach the engine.
        processes: How many the gateway consists of, without its first.
    """

    def __init__(
        self,
        api: str,
        gateway: Gateway,
        alive: str,
        *,
        prepare: Prepare = nothing,
        rules: Rules | None = None,
        bodies: Mapping[str, bytes] | None = None,
        sparing: Collection[str] = (),
        processes: int = 2,
    ) -> None:
        self._document = spec.load(api)
        self._operations = {
            operation["operationId"]: (path, method, operation)
            for path, method, operation in spec.operations(self._document)
        }
        self._judge = Judge(self._document)
        self._wire = Wire(int(gateway.url.rpartition(":")[2]))
        self._gateway, self._alive = gateway, alive
        self._prepare, self._rules = prepare, rules or Rules()
        self._bodies, self._sparing = bodies or {}, sparing
        self.sent = 0
        self._before = {worker: _resident(worker) for worker in gateway.workers(processes)}

    def attack(self, operation_id: str) -> list[str]:
        """Send all that applies to an operation; what was wrong with the answers."""
        operation = self._operations[operation_id][2]
        complaints = []
        for attack in self._attacks(operation_id):
            complaint = self._complaint(attack, operation)
            if complaint:
                complaints.append(f"{complaint}\n    to {attack}")
        return complaints

    def damage(self) -> list[str]:
        """What is no longer as it was at the beginning."""
        found = [f"{pid} grew by {by} bytes" for pid, by in self.growth().items() if by > GROWTH]
        if self._gateway.workers() != list(self._before):
            found.append(f"other workers: {self._gateway.workers()} after {list(self._before)}")
        if "Traceback" in self._gateway.log.read_text():
            found.append(self._gateway.log.read_text()[-3000:])
        return found

    def growth(self) -> Mapping[int, int]:
        """By how many bytes each worker has grown."""
        return {pid: _resident(pid) - size for pid, size in self._before.items() if pid in self._gateway.workers()}

    def asks(self, what: bytes) -> Reply:
        """The answer to these bytes.

        Raises:
            NoReplyError: There is none.
        """
        return self._wire.ask(what)

    def is_well(self) -> bool:
        """Whether a good request is answered as ever, on the connection that the one before has left."""
        request = corpus.Good(self._alive, "GET", [], None).request()
        return self._wire.ask(written(request, self._rules.credentials)).status == 200

    def close(self) -> None:
        """Let go of the connection."""
        self._wire.close()

    def _attacks(self, operation_id: str) -> Iterator[Attack]:
        path, method, operation = self._operations[operation_id]
        parameters = spec.parameters(self._document, path, operation)
        media, example = self._example(operation)
        body = self._bodies.get(operation_id, example)
        good = corpus.Good(path, method.upper(), parameters, body, self._prepare(operation_id), media=media)
        methods = [name.upper() for name in spec.METHODS if name in self._document["paths"][path]]
        if operation_id in self._sparing:
            return spared(good, methods, self._rules_for(operation))
        return attacks(good, methods, self._rules_for(operation), list(self._operations).index(operation_id))

    def _rules_for(self, operation: spec.Document) -> Rules:
        """An operation that needs no credentials may not even look at them."""
        asked = operation.get("security", self._document.get("security", [{}]))
        is_open = not asked or {} in asked
        return replace(self._rules, guarded=False) if is_open else self._rules

    def _example(self, operation: spec.Document) -> tuple[str, bytes | None]:
        """The media type of a body, and its first example; a form's is to be given."""
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            name = next(iter(content["examples"].values()))["$ref"].rpartition("/")[2]
            return media, orjson.dumps(self._document["components"]["examples"][name]["value"])
        return "application/json", None

    def _complaint(self, attack: Attack, operation: spec.Document) -> str:
        self.sent += 1
        try:
            reply = self._wire.ask(attack.what, attack.method, cut=attack.cut)
        except NoReplyError as exc:
            return "" if attack.cut else str(exc)
        complaint = self._judge.complaint(attack, operation, reply)
        return complaint or ("" if self.sent % 50 or self.is_well() else "not well afterwards")


def _resident(pid: int) -> int:
    """Bytes of memory that a process has of its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
