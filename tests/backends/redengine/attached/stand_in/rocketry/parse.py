"""Conditions, as texts."""

from __future__ import annotations

import re


class Condition:
    """A condition."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


class DependSuccess(Condition):
    """After the success of a task."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depend_task = text.removeprefix("after task '").removesuffix("'")


def parse_condition(text: str, session: object = None) -> Condition:  # noqa: ARG001 - as in rocketry
    if re.fullmatch("after task '.+'", text):
        return DependSuccess(text)
    if not re.fullmatch(r"true|false|always true|daily|every .+", text):
        raise ValueError(f"Could not find parser for string {text!r}")
    return Condition(text)
