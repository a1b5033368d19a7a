"""Writes down what was counted, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from opsgate import __version__
from opsgate.backends.measures import Measure
from opsgate.metrics.meter import BOUNDS, Counts

_ENDS: Final = [*(str(bound) for bound in BOUNDS), "+Inf"]


def write(counts: Counts, measures: Iterable[tuple[str, Measure]], accept: str) -> tuple[bytes, str]:
    """Write counts and measures.

    Args:
        counts: What was counted.
        measures: What the backends measured, each with its API.
        accept: The formats that the reader takes: an ``Accept`` header.

    Returns:
        The text and its media type.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector([*_counted(counts), *_called(counts), *_measured(measures)]))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Collector(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counted(counts: Counts) -> Iterator[Metric]:
    version = GaugeMetricFamily("opsgate_info", "This service.", labels=("version",))
    version.add_metric((__version__,), 1)
    requests = CounterMetricFamily(
        "opsgate_requests", "Answers, by operation and status.", labels=("api", "operation", "status")
    )
    durations = HistogramMetricFamily(
        "opsgate_request_seconds", "From a request's arrival to the beginning of its answer.", labels=("api",)
    )
    by_api: dict[str, list[float]] = {}
    for (label, status), tally in counts.answers.items():
        requests.add_metric((*label, str(status)), sum(tally[1:]))
        so_far = by_api.setdefault(label.api, [0.0] * len(tally))
        so_far[:] = [mine + theirs for mine, theirs in zip(so_far, tally, strict=True)]
    for api, (seconds, *numbers) in by_api.items():
        durations.add_metric((api,), list(zip(_ENDS, accumulate(numbers), strict=True)), seconds)
    failures = CounterMetricFamily(
        "opsgate_engine_failures", "Answers that were an engine's failure, by meaning.", labels=("api", "meaning")
    )
    for key, number in counts.failures.items():
        failures.add_metric(key, number)
    return iter((version, requests, durations, failures))


def _called(counts: Counts) -> Iterator[Metric]:
    labels = ("engine", "call")
    families = (
        CounterMetricFamily("opsgate_engine_calls", "Calls to an engine.", labels=labels),
        CounterMetricFamily(
            "opsgate_engine_call_failures", "Those that the engine did not answer, or not in time.", labels=labels
        ),
        CounterMetricFamily("opsgate_engine_call_seconds", "How long all of them together took.", labels=labels),
    )
    for key, tally in counts.calls.items():
        for family, number in zip(families, tally, strict=True):
            family.add_metric(key, number)
    return iter(families)


def _measured(measures: Iterable[tuple[str, Measure]]) -> Iterable[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for api, measure in measures:
        names = ("api", *measure.labels)
        family = families.setdefault(measure.name, GaugeMetricFamily(measure.name, measure.help, labels=names))
        family.add_metric((api, *measure.labels.values()), measure.value)
    return families.values()
