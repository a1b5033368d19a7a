"""Attributes of nodes: as they are, as users change them, as tasks report them."""

from __future__ import annotations

from typing import Any

from opsgate.backends.ecflow.port import Attribute, AttributesPort, Document, Job, User
from opsgate.backends.errors import Invalid
from opsgate.handlers.ecflow.naming import Body, Caller, absolute, done, job, known, needed, true

Created = tuple[Body, int, dict[str, str]]


async def list_attributes(attributes: AttributesPort, /, path: str, token_info: Caller = None) -> Document:
    """Read the attributes of a node."""
    return await attributes.attributes(absolute(path), secrets=bool(token_info))


async def create_attribute(attributes: AttributesPort, /, path: str, body: Body, user: User | None = None) -> Created:
    """Create an attribute."""
    await attributes.add_attribute(absolute(path), _attribute(body), force=_forced(body), user=user)
    location = f"/v1/suites{absolute(path)}/attributes"
    return done("Attribute added successfully", absolute(path)), 201, {"Location": location}


async def update_attribute(
    attributes: AttributesPort, /, path: str, body: Body, user: User | None = None, token_info: Caller = None
) -> Body:
    """Change an attribute, or report on one as a task."""
    changed = done("Attribute changed successfully", absolute(path))
    task = job(body)
    if task is not None:
        return {**changed, **await _report(attributes, task, body)}
    known(token_info)
    await attributes.change_attribute(absolute(path), _attribute(body), force=_forced(body), user=user)
    return changed


async def delete_attribute(  # noqa: PLR0913 - the operation's parameters
    attributes: AttributesPort,
    /,
    path: str,
    *,
    body: Body | None = None,
    type: str | None = None,  # noqa: A002 - the parameter's name
    name: str | None = None,
    value: str | None = None,
    force: bool = False,
    user: User | None = None,
) -> Body:
    """Delete an attribute."""
    query = {"type": type, "name": name, "value": value}
    wanted: Body = {**{key: given for key, given in query.items() if given is not None}, **(body or {})}
    needed(wanted.get("type"), "type")
    await attributes.delete_attribute(absolute(path), _attribute(wanted), force=force or _forced(wanted), user=user)
    return done("Attribute deleted successfully", absolute(path))


def _attribute(body: Body) -> Attribute:
    return Attribute(
        kind=body["type"],
        name=body.get("name", ""),
        value=body.get("value"),
        old_value=body.get("old_value"),
        minimum=body.get("min"),
        maximum=body.get("max"),
    )


def _forced(body: Body) -> bool:
    return true(body.get("force", False))


async def _report(attributes: AttributesPort, task: Job, body: Body) -> Body:
    name = body["name"]
    match body["type"]:
        case "event":
            await attributes.event(task, name, _is_set(body.get("value", True)))
        case "meter":
            await attributes.meter(task, name, _number(body.get("value")))
        case "label":
            await attributes.label(task, name, _text(body.get("value")))
        case _:
            return await _queue(attributes, task, body)
    return {}


async def _queue(attributes: AttributesPort, task: Job, body: Body) -> Body:
    action = needed(body.get("queue_action"), "queue_action")
    word = await attributes.queue(
        task,
        body["name"],
        action,  # type: ignore[arg-type]  # the spec's enum is the port's
        step=body.get("queue_step", ""),
        path=body.get("queue_path", ""),
    )
    return {{"active": "step", "no_of_aborted": "no_of_aborted"}[action]: word} if action in _ANSWERED else {}


_ANSWERED = ("active", "no_of_aborted")


def _is_set(value: Any) -> bool:
    if str(value).lower() not in ("set", "true", "clear", "false"):
        raise Invalid(f"{value!r} is no value of an event: it is set, true, clear or false")
    return str(value).lower() in ("set", "true")


def _number(value: Any) -> int:
    try:
        return int(str(value))
    except ValueError as exc:
        raise Invalid(f"{value!r} is no value of a meter: a whole number is needed") from exc


def _text(value: Any) -> str:
    if value is None:
        raise Invalid("'value' is missing")
    return str(value).lower() if isinstance(value, bool) else str(value)
