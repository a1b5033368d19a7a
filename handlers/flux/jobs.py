"""Jobs: lists, pages, single ones, their output, their end."""

from __future__ import annotations

from collections.abc import AsyncIterator

from opsgate.backends.errors import Invalid, NotFound
from opsgate.backends.flux import ids
from opsgate.backends.flux.port import MOST_LISTED, JobsPort, Selection
from opsgate.handlers.flux.fields import is_true
from opsgate.handlers.flux.needs import Given, JsonObject, Written

_NO_OUTPUT = "The output does not exist yet, or the jobid is incorrect."


async def list_jobs(  # noqa: PLR0913 - the operation's parameters
    jobs: JobsPort,
    /,
    *,
    details: str = "",
    detail: str = "",
    listing: str = "",
    states: list[str] | None = None,
    results: list[str] | None = None,
    name: str | None = None,
    since: float | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> Written:
    """List jobs."""
    most = MOST_LISTED if limit is None else limit
    selection = Selection(tuple(states or ()), tuple(results or ()), name, since or 0.0, "", most, offset)
    page = await jobs.jobs(selection)
    if not (is_true(details) or is_true(detail)):
        return Written(b'{"jobs":%b}' % page.raw, page, "raw")
    lasting = page if page.is_settled else None
    if is_true(listing):
        return Written(b'{"jobs":%b}' % page.flat, lasting, "flat")
    return Written(b'{"jobs":%b}' % page.flat_by_id(), lasting, "flat by id")


async def search_jobs(
    jobs: JobsPort, /, given: Given, start: int = 0, length: int | None = None, draw: int = 1
) -> Written:
    """Search jobs."""
    wanted = next((text for name in ("search[value]", "search", "query") if (text := given.get(name, ""))), "")
    everything = await jobs.jobs(Selection(limit=0))
    page = await jobs.jobs(Selection(search=wanted, limit=None if length == -1 else length, offset=start))
    body = b'{"data":%b,"draw":%d,"recordsTotal":%d,"recordsFiltered":%d,"recordsMatching":%d}' % (
        page.flat,
        draw,
        everything.total,
        len(page),
        page.total,
    )
    return Written(body, page if page.is_settled else None)


async def get_job(jobs: JobsPort, /, uid: str, wait: float = 0) -> Written:
    """Read a job."""
    return Written(b'{"job":%b}' % (await jobs.job(ids.parse(uid), wait)).raw)


async def get_job_v1(jobs: JobsPort, /, uid: str, wait: float = 0) -> Written:
    """Read a job, flat."""
    return Written((await jobs.job(ids.parse(uid), wait)).flat)


async def cancel_job(jobs: JobsPort, /, uid: str) -> JsonObject:
    """Cancel a job."""
    await jobs.cancel(ids.parse(uid))
    return {"Message": "Job is requested to cancel.", "id": uid}


async def set_urgency(jobs: JobsPort, /, uid: str, body: JsonObject) -> JsonObject:
    """Change the urgency of a job."""
    await jobs.set_urgency(ids.parse(uid), body["urgency"])
    return {"Message": "The urgency is set.", "id": uid}


async def get_output(jobs: JobsPort, /, uid: str) -> JsonObject:
    """Read what a job wrote."""
    try:
        lines = await jobs.output(ids.parse(uid))
    except (Invalid, NotFound) as exc:  # whatever is wrong with the id, the clients look for this sentence
        raise type(exc)(_NO_OUTPUT) from exc
    return {"Message": _NO_OUTPUT} if lines is None else {"Output": lines}


async def stream_output(jobs: JobsPort, /, uid: str) -> AsyncIterator[str]:
    """Follow what a job writes."""
    return jobs.follow(ids.parse(uid))


list_jobs_v1 = list_jobs
search_jobs_v1 = search_jobs
cancel_job_v1 = cancel_job
set_urgency_v1 = set_urgency
get_output_v1 = get_output
stream_output_v1 = stream_output
