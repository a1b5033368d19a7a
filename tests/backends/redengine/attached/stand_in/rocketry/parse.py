"""Conditions, as texts."""

from __future__ import annotations

import re


def parse_condition(text: str, session: object = None) -> str:  # noqa: ARG001 - as in rocketry
    if not re.fullmatch(r"true|false|always true|daily|every .+|after task '.+'", text):
        raise ValueError(f"Could not find parser for string {text!r}")
    return text
