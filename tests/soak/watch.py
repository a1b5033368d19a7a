"""Lets the stream flow and looks at the service again and again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak import samples
from tests.soak.samples import Sample
from tests.soak.site import running
from tests.soak.stream import Stream


def watch(
    directory: Path, seconds: float, every: float, pause: float, told: Callable[[Sample], object] = lambda _: None
) -> list[Sample]:
    """Have a service of its own for so long, and return what was seen of it.

    Args:
        directory: An empty one with a short path.
        seconds: How long.
        every: Seconds between two looks, on average.
        pause: Seconds that each client rests after an answer.
        told: Called with each sample.

    Raises:
        AssertionError: A request was not answered as it should; the service's log has a traceback.
    """
    seen: list[Sample] = []
    with running(directory) as site:
        with Stream(site, pause) as stream:
            begin = time.monotonic()
            while time.monotonic() - begin < seconds and not stream.wrong:
                # Never in step with what the service does every half minute: what it removes then goes up and down.
                time.sleep(random.uniform(0.5, 1.5) * every)  # noqa: S311 - no secret
                seen.append(samples.taken(site, time.monotonic() - begin, stream.take()))
                told(seen[-1])
        assert not stream.wrong, stream.wrong
        assert "Traceback" not in (site.state / "log" / "gateway.log").read_text()
    return seen
