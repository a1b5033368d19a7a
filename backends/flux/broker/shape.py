"""What a job asked for and what it got, in figures: from Flux's jobspec and R to attributes of job-list."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from opsgate.backends.flux.broker import bindings

_OPTIONAL: Final = ("cwd", "queue", "project", "bank")


def of_jobspec(jobspec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that a jobspec (RFC 25) tells."""
    system = jobspec.get("attributes", {}).get("system", {})
    told = {name: system[name] for name in _OPTIONAL if name in system}
    task = jobspec["tasks"][0]
    nodes, slots, cores, exclusive = _counts(jobspec["resources"])
    told["name"] = system.get("job", {}).get("name") or _basename(task["command"][0])
    told["ntasks"] = task["count"].get("total", slots)
    told["duration"] = float(system.get("duration", 0))
    if nodes:
        told["nnodes"] = nodes
    if not exclusive:
        told["ncores"] = slots * cores
    return told


def of_allocated(allocated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that an allocation (R, RFC 20) tells."""
    execution, known = allocated["execution"], bindings.load()
    entries = [(known.numbers(str(entry["rank"])), entry["children"].get("core", "")) for entry in execution["R_lite"]]
    ranks = known.numbers(",".join(str(rank) for here, _ in entries for rank in here))
    return {
        "ncores": sum(len(here) * len(known.numbers(str(cores))) for here, cores in entries),
        "nnodes": len(ranks),
        "ranks": f"[{ranks}]" if len(ranks) > 1 else str(ranks),
        "nodelist": known.hosts(execution["nodelist"]).encode(),
        "expiration": float(execution.get("expiration", 0.0)),
    }


def updated(jobspec: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a jobspec with members replaced that are named by dotted paths."""
    changed = copy.deepcopy(dict(jobspec))
    for path, value in changes.items():
        *way, last = path.split(".")
        place = changed
        for name in way:
            place = place.setdefault(name, {})
        place[last] = value
    return changed


def without_nulls(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def _counts(resources: Iterable[Mapping[str, Any]]) -> tuple[int, int, int, bool]:
    """How many nodes, how many slots in all, how many cores in each, and whether whole nodes are asked for."""
    nodes, slots, cores, exclusive = 0, 0, 0, False
    for kind in _all(resources):
        count = _count(kind["count"])
        if kind["type"] == "node":
            nodes, exclusive = count, bool(kind.get("exclusive"))
        elif kind["type"] == "slot":
            slots = count * (nodes or 1)
        elif kind["type"] == "core":
            cores = count
    return nodes, slots, cores, exclusive


def _all(resources: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for kind in resources:
        yield kind
        yield from _all(kind.get("with", ()))


def _count(count: Any) -> int:
    """How many; of a range, the least."""
    least = count.get("min", 1) if isinstance(count, Mapping) else count
    return int(least) if str(least).isdigit() else next(iter(bindings.load().numbers(str(least))))


def _basename(path: str) -> str:
    return path.rpartition("/")[2] or path
