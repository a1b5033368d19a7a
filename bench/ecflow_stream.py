"""What workers use while the server changes all the time."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from bench import measure
from bench.ecflow_changes import FULL, Reader, following
from bench.ecflow_site import NODE, Site
from opsgate.backends.ecflow import commands
from opsgate.backends.ecflow.commands import Add, Alter, Command, Delete

RATE = 10
"""Changes a second."""
_FAMILIES = 101

Changes = Callable[[int], Command]


def _meter(number: int) -> Command:
    return commands.change(_task(number), Alter.METER, "m", str(number % 100))


def _state(number: int) -> Command:
    return commands.force(_task(number), ("complete", "queued")[number // _FAMILIES % 2], recursive=False)


def _variable(number: int) -> Command:
    if number % 2 == 0:
        return commands.add(_task(number // 2), Add.VARIABLE, "V", "1")
    return commands.remove(_task(number // 2), Delete.VARIABLE, "V")


def _family_variable(number: int) -> Command:
    path = f"/big/f{number // 2 % _FAMILIES}"
    return (
        commands.add(path, Add.VARIABLE, "V", "1") if number % 2 == 0 else commands.remove(path, Delete.VARIABLE, "V")
    )


def _structure(number: int) -> Command:
    if number % 2 == 0:
        frame = "suite big\n  family f1\n    task new\n  endfamily\nendsuite\n"
        return commands.replace("/big/f1/new", frame, force=False)
    return commands.delete("/big/f1/new", force=True)


def _task(number: int) -> str:
    return f"/big/f{number % _FAMILIES}/t{number % 97}"


KINDS: dict[str, Changes | None] = {
    "none": None,
    "meters": _meter,
    "states": _state,
    "variables that come and go": _variable,
    "variables of families that come and go": _family_variable,
    "tasks that come and go": _structure,
}


def _nobody(_site: Site, stop: threading.Event) -> None:
    stop.wait()


def _small(site: Site, stop: threading.Event) -> None:
    """Read an attribute ten times a second."""
    with closing(Reader(site)) as reader:
        while not stop.wait(0.1):
            reader.get(f"/suites/{NODE}/attributes")


def _full(site: Site, stop: threading.Event) -> None:
    """Read the full tree once a second."""
    with closing(Reader(site)) as reader:
        while not stop.wait(1):
            reader.get(FULL)


def _events(site: Site, stop: threading.Event) -> None:
    with following(site):
        stop.wait()


WATCHERS = {
    "nobody reads": _nobody,
    "attributes, ten times a second": _small,
    "full tree, once a second": _full,
    "events": _events,
}


def measured(site: Site, seconds: float) -> Iterator[tuple[str, str, float]]:
    """Kind of changes, who reads, and the CPU time that the gateway used meanwhile, as a share of one core."""
    measure.load(site.url + FULL, 8, 1, site.pids)  # so that both workers have it
    for kind, change in KINDS.items():
        numbers = itertools.count()  # goes on, else the next one would set what is set
        for who, watch in WATCHERS.items():
            with _thread(functools.partial(watch, site)), _changing(site, change, numbers):
                time.sleep(1)
                before, begun = measure.cpu_seconds(site.pids), time.perf_counter()
                time.sleep(seconds)
                used = measure.cpu_seconds(site.pids) - before
                yield kind, who, used / (time.perf_counter() - begun)


@contextmanager
def _changing(site: Site, change: Changes | None, numbers: Iterator[int]) -> Iterator[None]:
    def run(stop: threading.Event) -> None:
        due = time.monotonic()
        while change is not None and not stop.wait(max(0.0, due - time.monotonic())):
            command = change(next(numbers))
            site.server.command(command.kind, **command.fields)
            due += 1 / RATE

    with _thread(run):
        yield


@contextmanager
def _thread(work: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=work, args=[stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
