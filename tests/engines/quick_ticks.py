"""Runs inside supervisord: loads Supvisors as the product does, in a daemon whose clocks run faster."""

from typing import Any

from supervisor.events import Tick5Event
from supvisors.commander import ProcessCommand

from opsgate.backends.supvisors import plugin

_TURN = 0.1  # seconds
_PATIENCE = 10  # ticks until Supvisors gives a start or stop up: in seconds as much as before


def make(supervisord: Any, **config: str) -> Any:
    """Return Supvisors' RPC interface.

    Its start-up waits for ticks, which come every second here instead of every five. An idle supervisord looks once a
    second after what it has put off (states of processes, answers to those who wait); here ten times as often.
    """
    Tick5Event.period = 1
    ProcessCommand.DEFAULT_TICK_TIMEOUT = _PATIENCE
    poller = supervisord.options.poller
    poll = poller.poll
    poller.poll = lambda timeout: poll(min(timeout, _TURN))
    return plugin.make(supervisord, **config)
