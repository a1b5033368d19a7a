"""docs/operations.md names each metric there is, with its labels, and no other."""

import re
from pathlib import Path

from opsgate.metrics import exposing
from opsgate.metrics.meter import Meter

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("| metric | labels |")[2].partition("\n\n")[0]
MEASURE = re.compile(r'Measure\(\s*"(opsgate_[a-z_]+)"')


def counted() -> set[str]:
    """What /metrics has of a service that nobody asked anything, as Prometheus calls it."""
    text = exposing.write(Meter().counts(), [], "text/plain")[0].decode()
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def measured() -> set[str]:
    """What backends tell."""
    return {name for file in (ROOT / "backends").rglob("*.py") for name in MEASURE.findall(file.read_text("utf-8"))}


def test_each_metric_is_in_the_table() -> None:
    named = re.findall(r"^\| `(\w+)` \|", TABLE, re.MULTILINE)
    assert sorted(named) == sorted(counted() | measured())


def test_what_to_watch_is_there() -> None:
    watched = PAGE.partition("| what to watch |")[2].partition("\n\n")[0]
    named = {name.removesuffix("_bucket") for name in re.findall(r"opsgate_\w+", watched)}
    assert named <= counted() | measured()
