"""Nodes: trees, definitions, and the files of tasks."""

from __future__ import annotations

from dataclasses import asdict

from opsgate.backends.ecflow.port import Content, Document, NodesPort, TreeView, User
from opsgate.handlers.ecflow.naming import Body, Caller, absolute, add_externs, done, true


async def get_trees(  # noqa: PLR0913 - the operation's parameters
    nodes: NodesPort,
    /,
    *,
    content: Content = "basic",
    with_id: str = "false",
    gen_vars: str = "false",
    depth: int | None = None,
    token_info: Caller = None,
) -> Document:
    """Read the tree of all suites."""
    return await nodes.tree(None, TreeView(content, with_id == "true", gen_vars == "true", depth, bool(token_info)))


async def get_tree(  # noqa: PLR0913 - the operation's parameters
    nodes: NodesPort,
    /,
    path: str,
    *,
    content: Content = "basic",
    with_id: str = "false",
    gen_vars: str = "false",
    depth: int | None = None,
    token_info: Caller = None,
) -> Document:
    """Read the tree of a node."""
    view = TreeView(content, with_id == "true", gen_vars == "true", depth, bool(token_info))
    return await nodes.tree(absolute(path), view)


async def get_definition(nodes: NodesPort, /, path: str) -> Document:
    """Read the definition of a node."""
    return await nodes.definition(absolute(path))


async def put_definition(nodes: NodesPort, /, path: str, body: Body, user: User | None = None) -> Body:
    """Add or replace a child of a node."""
    child = await nodes.put_child(
        absolute(path),
        body["definition"],
        add_externs=add_externs(body),
        force=true(body.get("force", False)),
        user=user,
    )
    return done("Node updated successfully", child)


async def delete_definition(nodes: NodesPort, /, path: str, force: bool = False, user: User | None = None) -> Body:
    """Delete a node."""
    await nodes.delete(absolute(path), force=force, user=user)
    return done("Node deleted successfully", absolute(path))


async def put_node(nodes: NodesPort, /, path: str, body: Body, user: User | None = None) -> Body:
    """Add or replace a child of a node, by its path alone."""
    return await put_definition(nodes, path, body, user)


async def delete_node(nodes: NodesPort, /, path: str, force: bool = False, user: User | None = None) -> Body:
    """Delete a node, by its path alone."""
    return await delete_definition(nodes, path, force, user)


async def get_script(nodes: NodesPort, /, path: str, token_info: Caller = None) -> Body:
    """Read the script of a task."""
    return asdict(await nodes.script(absolute(path), secrets=bool(token_info)))


async def update_script(nodes: NodesPort, /, path: str, body: Body, user: User | None = None) -> Body:
    """Write the script of a task."""
    await nodes.write_script(absolute(path), body["script"], user=user)
    return done("Script updated successfully", absolute(path))


async def get_output(nodes: NodesPort, /, path: str, token_info: Caller = None) -> Body:
    """Read the output of a task."""
    output = await nodes.output(absolute(path), secrets=bool(token_info))
    return {"job_output": output.job, "kill_output": output.kill, "status_output": output.status}


async def get_manual(nodes: NodesPort, /, path: str) -> Body:
    """Read the manual of a node."""
    return {"manual": await nodes.manual(absolute(path))}
