"""Workers that die while clients ask."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tests.engines.gateway import Gateway
from tests.engines.waiting import until


class Client(Protocol):
    """Asks until it is told to stop, and counts what was answered."""

    answered: int

    def run(self, stop: threading.Event) -> None:
        """Ask."""


def kill_each(gateway: Gateway, clients: Sequence[Client], more: int) -> list[int]:
    """Kill both workers, one after the other, under clients that ask; each time all of them have to go on.

    Args:
        gateway: One with two workers.
        clients: Who asks, each in a thread of its own.
        more: How many more answers each must get than it has, before the first is killed and after each.

    Returns:
        The process ids of those that were killed.
    """
    stop = threading.Event()

    def all_go_on() -> None:
        before = [client.answered for client in clients]
        until(lambda: all(one.answered > known + more for one, known in zip(clients, before, strict=True)))

    with ThreadPoolExecutor(len(clients)) as pool:
        under_way = [pool.submit(client.run, stop) for client in clients]
        try:
            all_go_on()
            victims = gateway.workers(2)
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
                all_go_on()
                until(lambda: len(gateway.workers()) == 2)
        finally:
            stop.set()
        for one in under_way:
            one.result()
    return victims
