"""How long calls may take, and how many there may be at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one backend.

    Attributes:
        connect: Seconds to get a connection.
        short: Seconds for a call that supervisord answers at once, waiting for a free connection included.
        long: Seconds for a call that supervisord answers when something has started, stopped or been cleared.
        connections: Connections for short calls. supervisord is one thread: more of them gain nothing.
        waiting: Long calls at a time. Each has a connection of its own, a descriptor here and one in supervisord.
        answer_bytes: The longest answer that is taken.
        numprocs: The most processes of one program that may be asked for.
        regex_length: The longest regular expression that is tried.
    """

    connect: float = 2.0
    short: float = 10.0
    long: float = 300.0
    connections: int = 8
    waiting: int = 256
    answer_bytes: int = 64 * 1024 * 1024
    numprocs: int = 1000
    regex_length: int = 256
