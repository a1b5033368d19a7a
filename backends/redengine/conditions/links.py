"""Which tasks a condition follows, as GET /dependencies tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from opsgate.backends.redengine.conditions.terms import After, All, AnyOf, Term

if TYPE_CHECKING:
    from collections.abc import Iterator

Relation = Literal["DependSuccess", "DependFailure", "DependFinish"]
_RELATIONS: Final[dict[tuple[str, ...], Relation]] = {
    ("success",): "DependSuccess",
    ("fail",): "DependFailure",
    ("success", "fail"): "DependFinish",
}


class Link(NamedTuple):
    """One `after task` in a condition.

    Attributes:
        parent: The task that is followed.
        relation: Which of its ends counts.
        type: "All" in an `&`, "Any" in an `|`, None alone.
    """

    parent: str
    relation: Relation
    type: Literal["All", "Any"] | None


def links(term: Term) -> list[Link]:
    """Return all of them, in the order of the text."""
    return list(_links(term, None))


def _links(term: Term, inside: Literal["All", "Any"] | None) -> Iterator[Link]:
    if isinstance(term, After):
        yield Link(term.task, _RELATIONS[term.actions], inside)
    within = "All" if isinstance(term, All) else "Any" if isinstance(term, AnyOf) else inside
    for part in term.parts():
        yield from _links(part, within)
