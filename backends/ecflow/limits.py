"""How long calls may take, how much they may bring, and how old answers may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one backend.

    Attributes:
        connect: Seconds to get a connection.
        answer: Seconds for a call, waiting for a free connection included.
        connections: Calls at a time. ecflow_server is one thread: more of them gain nothing.
        answer_bytes: The longest answer that is taken; the definition comes in one.
        request_bytes: The longest request that is sent.
        age: Seconds that the mirror may be older than the server where only others change it. Each look at the server
            is a line in the server's log, so shorter is not better.
        polling_interval: Seconds between two looks at the server while nobody asks, and the age up to which reads are
            still answered while the server is away.
        max_polling_interval: How far the interval drifts, one second for each minute without a request; 0 for no drift.
        watch_interval: Seconds between two looks while somebody follows the events.
        documents_bytes: How much finished JSON is kept per state of the definition.
        exact_values: How many values are asked for one by one because the definition's text is ambiguous.
        patience: Seconds that a structural change waits for others to be done with theirs.
        wait_step: Seconds between two tries of a `wait` whose expression does not hold yet.
    """

    connect: float = 2.0
    answer: float = 10.0
    connections: int = 16
    answer_bytes: int = 256 * 1024 * 1024
    request_bytes: int = 64 * 1024 * 1024
    age: float = 0.5
    polling_interval: float = 10.0
    max_polling_interval: float = 300.0
    watch_interval: float = 1.0
    documents_bytes: int = 64 * 1024 * 1024
    exact_values: int = 200
    wait_step: float = 1.0
    patience: float = 30.0
