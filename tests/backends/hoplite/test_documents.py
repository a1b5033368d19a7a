"""What may be a config or a status."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from opsgate.backends.errors import Invalid, TooLarge
from opsgate.backends.hoplite import documents, markers


def nested(levels: int) -> Any:
    value: Any = {}
    for number in range(levels - 1):
        value = {"a": value} if number % 2 else [value]
    return value


class TestCheck:
    def test_lets_ordinary_ones_through(self) -> None:
        documents.check("config", {"a": [1, {"b": None}]}, 100)

    def test_counts_bytes_as_they_are_answered(self) -> None:
        value = {"a": "☃"}
        size = len(json.dumps(value))
        documents.check("config", value, size)
        with pytest.raises(TooLarge, match=f"The config is larger than {size - 1} bytes"):
            documents.check("config", value, size - 1)

    def test_counts_levels(self) -> None:
        documents.check("status", nested(documents.DEEPEST), 10_000)
        with pytest.raises(Invalid, match="The status is nested deeper than 100 levels"):
            documents.check("status", nested(documents.DEEPEST + 1), 10_000)

    def test_what_is_let_through_can_be_written(self) -> None:
        orjson.dumps({"jobs": [{"job": {"config": nested(documents.DEEPEST)}}]})

    def test_what_plugins_report_is_let_through(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        documents.check("status", {"a": markers.encode(endless)}, 10_000)

    def test_is_not_troubled_by_very_deep_ones(self) -> None:
        assert documents.is_deep(nested(100_000))
