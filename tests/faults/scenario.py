"""One fault under load: the stream runs, the fault comes and goes, the service recovers, the books are looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tests.faults import leaks
from tests.faults.clients import Progress, Stream
from tests.faults.seen import Seen
from tests.faults.site import Account, Site

S = TypeVar("S", bound=Site)

Fault = Callable[[S], AbstractContextManager[object]]
"""Does harm to a site for as long as the context lasts. Its end undoes what an operator would have to undo."""


@dataclass(frozen=True)
class Strike(Generic[S]):
    """A fault that is over as soon as it is done, and that nobody undoes: a process is killed.

    Attributes:
        do: Does it.
    """

    do: Callable[[S], None]

    @contextmanager
    def __call__(self, site: S) -> Iterator[None]:
        """Do it."""
        self.do(site)
        yield


@dataclass(frozen=True)
class Scenario(Generic[S]):
    """A fault.

    Attributes:
        name: For the test: few words, with dashes.
        words: For the table: what is done, and who sets it right where that is not the service by itself.
        fault: Does it.
        opens: Starts a service for it in a directory; scenarios with the same function share one.
        lasts: What must have been seen before the fault is undone, apart from the time.
        reads_go_on: Whether reads must succeed while it lasts.
        writes_go_on: The same of writes.
        cuts: Whether connections may be cut off: something that held them was killed, or refuses them.
        interrupts: Whether work that was accepted may be recorded as lost.
        needs_root: Whether only root can do it: who is not root leaves it out.
        long: Whether the tests leave it out, as it takes long and they have something like it.
    """

    name: str
    words: str
    fault: Fault[S]
    opens: Callable[[Path], S]
    lasts: Callable[[Stream], object] = lambda _: True
    reads_go_on: bool = True
    writes_go_on: bool = True
    cuts: bool = False
    interrupts: bool = False
    needs_root: bool = False
    long: bool = False


class Sites(Generic[S]):
    """The services of an API's scenarios, each started when first needed; a context that ends them all."""

    def __init__(self, directory: Path) -> None:
        """Have them in directories below this one."""
        self._directory = directory
        self._stack = ExitStack()
        self._open: dict[Callable[[Path], S], tuple[S, leaks.Held]] = {}

    def of(self, scenario: Scenario[S]) -> tuple[S, leaks.Held]:
        """The service for a scenario, and what it holds when it has had some work and is at rest."""
        if scenario.opens not in self._open:
            directory = self._directory / str(len(self._open))
            directory.mkdir()
            site = scenario.opens(directory)
            self._stack.callback(site.close)
            self._open[scenario.opens] = site, _warmed(site)
        return self._open[scenario.opens]

    def __enter__(self) -> Sites[S]:
        """Use it as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all."""
        self._stack.close()


def chosen(scenarios: Iterable[Scenario[S]], *, long: bool = False) -> list[Scenario[S]]:
    """Those that can be done here; `long` is for all of them, else those of the tests."""
    return [one for one in scenarios if (long or not one.long) and (os.geteuid() == 0 or not one.needs_root)]


def run(scenario: Scenario[S], sites: Sites[S], seconds: float) -> Seen:
    """Do it: a third of the time before, during and after the fault.

    Args:
        scenario: What to do.
        sites: Where.
        seconds: How long the stream flows at least.

    Returns:
        What was seen; `Seen.complaints` says whether that is as promised.

    Raises:
        AssertionError: It did not recover, or the fault did not show.
    """
    site, before = sites.of(scenario)
    with Stream(site) as stream:
        stream.flow(seconds / 3)
        meanwhile, recovery = _suffered(scenario, site, stream, seconds / 3)
        stream.forgive()
        stream.flow(seconds / 3)
    seen = Seen(
        fault=scenario.words,
        total=stream.done,
        meanwhile=meanwhile,
        statuses=stream.statuses,
        broken=stream.broken,
        wrong=stream.wrong,
        recovery=recovery,
        late=stream.failures,
        account=site.account(stream.written),
        leaked=leaks.leaked(site, before),
    )
    seen.unkept.extend(_unkept(scenario, seen))
    return seen


def _suffered(scenario: Scenario[S], site: S, stream: Stream, seconds: float) -> tuple[Progress, float]:
    """What succeeded while the fault lasted, and how long it took from its end until all was well again."""
    with scenario.fault(site):
        before = stream.done
        recovery = stream.recovery() if isinstance(scenario.fault, Strike) else None
        stream.rest(seconds)
        stream.wait(lambda: scenario.lasts(stream), f"what shows that {scenario.words}")
        if scenario.reads_go_on:
            stream.wait(lambda: stream.done.reads > before.reads, "reads that go on")
        if scenario.writes_go_on:
            stream.wait(lambda: stream.done.writes > before.writes, "writes that go on")
        after = stream.done
    recovery = stream.recovery() if recovery is None else recovery
    return Progress(after.reads - before.reads, after.writes - before.writes), recovery


def _unkept(scenario: Scenario[S], seen: Seen) -> Iterator[str]:
    if seen.broken and not scenario.cuts:
        yield f"{seen.broken} requests were cut off"
    if seen.account.interrupted and not scenario.interrupts:
        yield f"recorded as lost: {', '.join(seen.account.interrupted)}"


def _warmed(site: Site) -> leaks.Held:
    """What a site holds after a little work, at rest."""
    with Stream(site) as stream:
        stream.flow(0.5)
    assert site.account(stream.written) == Account(), "not well before any fault"
    return leaks.held_at_rest(site)
