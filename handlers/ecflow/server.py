"""The ecflow_server: its state, its variables, its zombies."""

from __future__ import annotations

from opsgate.backends.ecflow.port import Document, JsonObject, ServerPort, User, Zombie
from opsgate.handlers.ecflow.naming import Body, Caller, done, needed

_ROOT = "/"
Created = tuple[Body, int, dict[str, str]]


async def get_server_status(server: ServerPort, /) -> JsonObject:
    """Read the status of the server."""
    status = await server.status()
    return {**status, "statistics": status}


async def update_server_status(server: ServerPort, /, body: Body, user: User | None = None) -> Body:
    """Have the server read a file again, or change its state."""
    await server.act(body["action"], user=user)
    return done("Server updated successfully")


async def ping_server(server: ServerPort, /) -> JsonObject:
    """Measure the way to the server and back."""
    ping = await server.ping()
    minutes, seconds = divmod(ping.seconds, 60)
    time = f"00:{int(minutes):02}:{seconds:09.6f}"
    return {"host": ping.host, "round-trip-time": time, "round_trip_time": time}


async def list_server_attributes(server: ServerPort, /) -> Document:
    """Read the variables of the server."""
    return await server.attributes()


async def create_server_attribute(server: ServerPort, /, body: Body, user: User | None = None) -> Created:
    """Create a variable of the server."""
    await server.add_variable(body["name"], body["value"], user=user)
    return done("Attribute added successfully", _ROOT), 201, {"Location": "/v1/server/attributes"}


async def update_server_attribute(server: ServerPort, /, body: Body, user: User | None = None) -> Body:
    """Change a variable of the server."""
    await server.change_variable(body["name"], body["value"], user=user)
    return done("Attribute changed successfully", _ROOT)


async def delete_server_attribute(
    server: ServerPort,
    /,
    body: Body | None = None,
    type: str | None = None,  # noqa: A002, ARG001 - the parameter's name; there is one type only
    name: str | None = None,
    user: User | None = None,
) -> Body:
    """Delete a variable of the server."""
    await server.delete_variable(needed((body or {}).get("name", name), "name"), user=user)
    return done("Attribute deleted successfully", _ROOT)


async def list_zombies(server: ServerPort, /, token_info: Caller = None) -> list[JsonObject]:
    """List the zombies."""
    return await server.zombies(secrets=bool(token_info))


async def treat_zombie(server: ServerPort, /, body: Body, user: User | None = None) -> Body:
    """Decide on a zombie."""
    zombie = Zombie(body["path"], body.get("process_id", ""), body.get("password", ""))
    await server.treat_zombie(body["action"], zombie, user=user)
    return done("Zombie treated successfully", body["path"])
