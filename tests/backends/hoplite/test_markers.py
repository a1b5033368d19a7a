"""Legacy extended JSON, both ways."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from typing import Any

import pytest

from opsgate.backends.hoplite import markers

DATE = datetime.datetime(2020, 1, 2, 9, 30, 45, 678000)
ID = uuid.UUID("00000000000000000000000000000001")
OID = "555555555555555555555555"

PAIRS: list[tuple[object, object]] = [
    (DATE, {"$date": 1577957445678}),
    (ID, {"$uuid": "00000000000000000000000000000001"}),
    (b"\x00\xff", {"$binary": "AP8=", "$type": "00"}),
    (markers.Oid(OID), {"$oid": OID}),
    ({"a": [1, "x", None, True, 1.5]}, {"a": [1, "x", None, True, 1.5]}),
    ("☃", "☃"),
]


class TestBothWays:
    @pytest.mark.parametrize(("value", "wire"), PAIRS)
    def test_there_and_back(self, value: object, wire: object) -> None:
        assert markers.encode(value) == wire
        assert markers.decode(wire) == value
        assert type(markers.decode(wire)) is type(value)

    def test_a_pattern_keeps_its_flags(self) -> None:
        wire = markers.encode(re.compile("ab+", re.IGNORECASE | re.MULTILINE))
        assert wire == {"$regex": "ab+", "$options": "im"}
        read = markers.decode(wire)
        assert (read.pattern, read.flags) == ("ab+", (re.IGNORECASE | re.MULTILINE | re.UNICODE).value)

    def test_are_found_at_any_depth(self) -> None:
        assert markers.decode({"when": [{"$date": 0}]}) == {"when": [datetime.datetime(1970, 1, 1)]}
        assert markers.encode({"when": [datetime.datetime(1970, 1, 1)]}) == {"when": [{"$date": 0}]}


class TestEncode:
    def test_a_time_zone_is_reckoned_in(self) -> None:
        zone = datetime.timezone(datetime.timedelta(hours=2))
        assert markers.encode(datetime.datetime(1970, 1, 1, 2, tzinfo=zone)) == {"$date": 0}

    def test_a_date_before_1970(self) -> None:
        assert markers.encode(datetime.datetime(1969, 12, 31, 23, 59, 59, 999000)) == {"$date": -1}

    def test_integers_beyond_64_bits_become_text(self) -> None:
        whole = [2**64 - 1, -(2**63), True]
        assert markers.encode([*whole, 2**64, -(2**63) - 1]) == [*whole, "18446744073709551616", "-9223372036854775809"]

    def test_tuples_and_sets_become_lists(self) -> None:
        assert markers.encode({"t": (1, 2), "s": {3}}) == {"t": [1, 2], "s": [3]}

    def test_numbers_that_json_lacks_become_null(self) -> None:
        assert markers.encode([float("nan"), float("inf"), 1.0]) == [None, None, 1.0]

    def test_the_unknown_becomes_its_text(self) -> None:
        assert markers.encode({1: 2 + 3j}) == {"1": "(2+3j)"}

    def test_what_cannot_even_be_told_becomes_its_type(self) -> None:
        class Mute:
            def __str__(self) -> str:
                raise RuntimeError

            __repr__ = __str__

        assert markers.encode(Mute()) == "<Mute>"

    def test_an_endless_structure_ends(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        assert json.dumps(markers.encode(endless)).startswith("[[[[")

    def test_an_object_id_of_bson_is_known_by_its_name(self) -> None:
        kind = type("ObjectId", (), {"__str__": lambda _: OID})
        assert markers.encode(kind()) == {"$oid": OID}


class TestDecode:
    def test_markers_that_are_only_read(self) -> None:
        wire = {
            "a": {"$undefined": True},
            "b": {"$numberLong": "9007199254740993"},
            "c": {"$timestamp": {"t": 5, "i": 1}},
            "d": {"$minKey": 1},
            "e": {"$ref": "jobs", "$id": 1},
            "f": {"$code": "x", "$scope": {}},
        }
        assert markers.decode(wire) == {
            "a": None,
            "b": 9007199254740993,
            "c": {"t": 5, "i": 1},
            "d": {"$minKey": 1},
            "e": {"$ref": "jobs", "$id": 1},
            "f": {"$code": "x", "$scope": {}},
        }

    @pytest.mark.parametrize(
        "wire",
        [
            {"$date": "yesterday"},
            {"$date": 1e300},
            {"$uuid": "no"},
            {"$uuid": 5},
            {"$binary": "*"},
            {"$binary": 7},
            {"$regex": "("},
            {"$numberLong": "many"},
            {"$timestamp": 3},
            {"$timestamp": {"t": 1}},
        ],
    )
    def test_what_only_looks_like_a_marker_stays(self, wire: dict[str, object]) -> None:
        assert markers.decode(wire) == wire
