"""Does the faults for longer than the tests do, and writes what was seen into docs/reliability.md.

    python -m tests.faults [api ...] [--seconds N]

Each API's table lies between two marks there; those of APIs that are not named stay as they are.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.scenario import Scenario, Sites, chosen, run
from tests.faults.seen import HEAD, Seen

APIS = ("hoplite", "flux", "redengine", "supvisors", "ecflow")
DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


def main() -> int:
    """Do them; the exit status is 1 if something was not as promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    present = [api for api in APIS if Path(__file__).with_name(f"{api}.py").exists()]
    parser.add_argument("api", nargs="*", help=f"some of {', '.join(present)}; all if none is named")
    parser.add_argument("--seconds", type=float, default=10, help="how long the stream of each fault flows at least")
    options = parser.parse_args()
    if unknown := set(options.api) - set(present):
        parser.error(f"no such API: {', '.join(unknown)}")
    complaints = 0
    for api in options.api or present:
        seen = _seen(api, options.seconds)
        complaints += sum(len(one.complaints) for one in seen)
        DOCUMENT.write_text(with_section(DOCUMENT.read_text(), api, _section(seen, options.seconds)))
    return bool(complaints)


def with_section(document: str, api: str, section: str) -> str:
    """The document with the section of an API between its marks replaced."""
    begin, end = f"<!-- {api} -->", f"<!-- end of {api} -->"
    found, times = re.subn(
        f"{begin}.*?{end}", lambda _: f"{begin}\n{section}\n{end}", document, count=1, flags=re.DOTALL
    )
    assert times, f"{DOCUMENT} has no {begin}"
    return found


def _seen(api: str, seconds: float) -> list[Seen]:
    scenarios: tuple[Scenario[Any], ...] = importlib.import_module(f"tests.faults.{api}").SCENARIOS
    found = []
    with tempfile.TemporaryDirectory(prefix=f"f-{api}-") as directory, Sites[Any](Path(directory)) as sites:
        for scenario in chosen(scenarios, long=True):
            try:
                found.append(run(scenario, sites, seconds))
            except AssertionError as exc:
                found.append(Seen.of_failure(scenario.words, str(exc)))
            sys.stdout.write(f"{api}: {found[-1].row}\n")
            sys.stdout.writelines(f"    {complaint}\n" for complaint in found[-1].complaints)
            sys.stdout.flush()
    return found


def _section(seen: list[Seen], seconds: float) -> str:
    where = f"{os.cpu_count()} cores, {_memory()}, Linux {platform.release().partition('-')[0]}"
    when = f"{datetime.now(UTC):%Y-%m-%d}, {seconds:g} s each, load {os.getloadavg()[2]:.0f}"
    told = f"{when}, {where}, Python {platform.python_version()}:"
    return "\n".join(["", told, "", HEAD, *(one.row for one in seen), ""])


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{round(total / 2**30)} GB"


if __name__ == "__main__":
    sys.exit(main())
