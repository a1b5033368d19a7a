"""The Hoplite API: job plugins, and jobs that run them."""

from __future__ import annotations

from opsgate.backends.errors import Invalid
from opsgate.backends.hoplite.port import HoplitePort, JsonObject, NewJob, Piece, Selection, Stream


async def reload(hoplite: HoplitePort, /) -> JsonObject:
    """Look for installed packages again."""
    await hoplite.reload_plugins()
    return {}


async def list_job_plugins(hoplite: HoplitePort, /) -> JsonObject:
    """List the job plugins."""
    return {"job_plugins": await hoplite.plugin_names()}


async def reload_job_plugins(hoplite: HoplitePort, /) -> JsonObject:
    """Look for job plugins again."""
    return {"job_plugins": await hoplite.reload_plugins()}


async def list_job_plugin_paths(hoplite: HoplitePort, /) -> JsonObject:
    """List where job plugins are looked for."""
    return {"paths": await hoplite.plugin_paths()}


async def list_jobs(  # noqa: PLR0913 - the operation's parameters
    hoplite: HoplitePort,
    /,
    *,
    state: list[str] | None = None,
    plugin_name: str | None = None,
    label: list[str] | None = None,
    order_by: str = "created_at",
    limit: int | None = None,
    offset: int = 0,
) -> JsonObject:
    """List jobs."""
    return await _listed(
        hoplite, Selection(tuple(state or ()), plugin_name, tuple(label or ()), order_by, limit, offset)
    )


async def list_running_jobs(hoplite: HoplitePort, /) -> JsonObject:
    """List the running jobs."""
    return await _listed(hoplite, Selection(states=("running",)))


async def create_job(
    hoplite: HoplitePort, /, body: JsonObject, idempotency_key: str | None = None
) -> tuple[JsonObject, int]:
    """Create a job."""
    new = NewJob(
        plugin_name=_plugin_name(body),
        config=body.get("config", {}),
        run=_is_true(body["run"] if "run" in body else body.get("running", False)),
        timeout=body.get("timeout"),
        labels=body.get("labels", {}),
        webhook=body.get("webhook"),
    )
    return _with_job(await hoplite.create(new, idempotency_key)), 201


async def get_job(hoplite: HoplitePort, /, job_uuid: str, wait: float = 0) -> bytes:
    """Read a job."""
    job = await hoplite.job_json(job_uuid, wait)
    return b'%b,"job":%b}' % (job[:-1], job)  # as `_with_job`


async def update_job(hoplite: HoplitePort, /, job_uuid: str, body: JsonObject) -> JsonObject:
    """Replace the status of a job."""
    return _with_job(await hoplite.update(job_uuid, body))


async def start_job(hoplite: HoplitePort, /, job_uuid: str) -> JsonObject:
    """Start a job."""
    await hoplite.start(job_uuid)
    return {"uuid": job_uuid, "started": True}


async def kill_job(hoplite: HoplitePort, /, job_uuid: str) -> JsonObject:
    """Kill a job."""
    await hoplite.kill(job_uuid)
    return {"uuid": job_uuid, "killed": True}


async def delete_job(hoplite: HoplitePort, /, job_uuid: str) -> JsonObject:
    """Delete a job that is over."""
    await hoplite.delete(job_uuid)
    return {"uuid": job_uuid, "deleted": True}


async def read_job_output(  # noqa: PLR0913 - the operation's parameters
    hoplite: HoplitePort,
    /,
    job_uuid: str,
    *,
    stream: Stream = "stdout",
    offset: int = 0,
    limit: int = 65536,
    tail: int | None = None,
    wait: float = 0,
) -> JsonObject:
    """Read what a job wrote."""
    return await hoplite.output(job_uuid, Piece(stream, offset, limit, tail, wait))


async def _listed(hoplite: HoplitePort, selection: Selection) -> JsonObject:
    jobs, total = await hoplite.jobs(selection)
    return {"jobs": jobs, "total": total}


def _with_job(job: JsonObject) -> JsonObject:
    """The flat members that the published client reads, and `job` as the document shows it."""
    return {**job, "job": job}


def _plugin_name(body: JsonObject) -> str:
    """The plugin by either of its names; the document uses both."""
    names = {body[member] for member in ("name", "plugin_name") if member in body}
    if len(names) > 1:
        raise Invalid("'name' and 'plugin_name' are two names for one plugin, but they differ")
    return str(names.pop())


def _is_true(flag: bool | str) -> bool:
    """A flag that may be a word: `bool("False")` is True."""
    return flag if isinstance(flag, bool) else flag.lower() == "true"
