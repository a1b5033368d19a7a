"""Reading the store, and the writes that are not transitions of a state.

Reads take tens of microseconds and wait for nobody (WAL), so they are done where they are asked for, in the event loop.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.jobs import awaiting
from opsgate.backends.jobs.model import Changed, Event, Job, NewJob, Query, json_text
from opsgate.backends.jobs.states import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

_COLUMNS = ", ".join({"spec_json": "spec.body"}.get(name, f"job.{name.removesuffix('_json')}") for name in Job._fields)
_SELECT = f"SELECT {_COLUMNS} FROM job JOIN spec USING (seq) "  # noqa: S608 - made of our own names
_BY_NUMBERS = _SELECT + "WHERE job.seq IN (SELECT value FROM json_each(?))"  # noqa: S608 - as above
_BY_IDS = _SELECT + "WHERE job.id IN (SELECT value FROM json_each(?))"  # noqa: S608 - as above
_CHANGED = "SELECT id, max(change) FROM journal WHERE change > ? AND api = ? GROUP BY id ORDER BY max(change) LIMIT ?"
_PLACES = {"created": "seq", "ended": "ended"}


def get(db: sqlite3.Connection, api: str, job_id: str) -> Job:
    """Return one job.

    Raises:
        NotFound: This API has no such job.
    """
    row = db.execute(_SELECT + "WHERE job.id = ? AND job.api = ?", (job_id, api)).fetchone()
    if row is None:
        raise NotFound(f"There is no job {job_id}")
    return Job._make(row)


def stamp(db: sqlite3.Connection, seq: int) -> tuple[int, str | None] | None:
    """Return `change` and `handle` of a job, by its `seq`, which is never used again. None if it is not there any more.

    As long as they are the same, so is all of the job: every change has a new number, except that of the executor's
    handle, which nobody is told of.
    """
    found: tuple[int, str | None] | None = db.execute("SELECT change, handle FROM job WHERE seq = ?", (seq,)).fetchone()
    return found


def find(db: sqlite3.Connection, api: str, key: str) -> Job | None:
    """Return the job with this idempotency key, None without one."""
    row = db.execute(_SELECT + "WHERE job.api = ? AND job.key = ?", (api, key)).fetchone()
    return None if row is None else Job._make(row)


def find_all(db: sqlite3.Connection, api: str, query: Query) -> list[Job]:
    """Return the jobs a query is for, in its order."""
    db.execute("BEGIN")  # one state of the store for all that follows
    try:
        seen = _from_the_nearer_end(db, api, query)
        numbers = _numbers(db, api, seen)
        return _in_order(db, numbers if seen is query else numbers[::-1])
    finally:
        db.execute("COMMIT")


def count(db: sqlite3.Connection, api: str, query: Query) -> int:
    """Return how many jobs a query is for, whatever its limit and offset."""
    if query.name is None and not query.labels:
        tally = dict(db.execute("SELECT state, jobs FROM tally WHERE api = ?", (api,)))
        return sum(tally.get(state, 0) for state in query.states or State if _in(query, state))
    where, values = _conditions(api, replace(query, limit=None, offset=0, after=None))
    return int(db.execute(f"SELECT count(*) FROM ({where})", values).fetchone()[0])  # noqa: S608 - see _conditions


def last_change(db: sqlite3.Connection) -> int:
    """Return the newest number of the journal: it is the same as long as nothing changed."""
    return int(db.execute("SELECT max(change) FROM journal").fetchone()[0])


def first_change(db: sqlite3.Connection) -> int:
    """Return the oldest number of the journal that is still there."""
    return int(db.execute("SELECT min(change) FROM journal").fetchone()[0])


def events(db: sqlite3.Connection, api: str, after: int, limit: int, job_id: str | None = None) -> list[Event]:
    """Return what changed with an API's jobs, or one of them, after a number of the journal, oldest first."""
    rows = db.execute(
        "SELECT change, id, api, event, at FROM journal WHERE change > ?1 AND api = ?2 AND id = coalesce(?4, id) "
        "ORDER BY change LIMIT ?3",
        (after, api, limit, job_id),
    )
    return [Event._make(row) for row in rows]


def changed(db: sqlite3.Connection, api: str, after: int, most: int) -> Changed | None:
    """Return the jobs of an API that changed after a number of the journal, as they are now.

    Returns:
        None if it is not known which, or if they are more than `most`.
    """
    db.execute("BEGIN")  # one state of the store for all that follows
    try:
        if after + 1 < first_change(db):
            return None
        last = last_change(db)
        rows = db.execute(_CHANGED, (after, api, most + 1)).fetchall()
        if len(rows) > most:
            return None
        ids = [row[0] for row in rows]
        found = {row[1]: Job._make(row) for row in db.execute(_BY_IDS, (json.dumps(ids),))}
    finally:
        db.execute("COMMIT")
    jobs = [found[job_id] for job_id in ids if job_id in found]
    return Changed(max((row[1] for row in rows), default=after), last, jobs, [i for i in ids if i not in found])


def next_seq(db: sqlite3.Connection) -> int:
    """Return the number that the next job will have, if it is added in this transaction."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'job'").fetchone()
    return 1 if row is None else int(row[0]) + 1


def insert(db: sqlite3.Connection, new: NewJob, spec_json: str) -> str:
    """Add a job, created.

    Returns:
        Its id.

    Raises:
        sqlite3.IntegrityError: There is one with this id or key.
        Conflict: One with this id was deleted just now, and its directory is not gone yet.
        Invalid: It waits for a job that is not there.
    """
    if new.id and db.execute("SELECT 1 FROM trash WHERE id = ?", (new.id,)).fetchone():
        raise Conflict(f"A job {new.id} is being deleted")
    now = time.time()
    values: dict[str, Any] = {
        "id": new.id or str(uuid.uuid4()),
        "api": new.api,
        "name": new.name,
        "queue": new.queue or new.api,
        "executor": new.executor,
        "cores": new.cores,
        "priority": new.priority,
        "key": new.key,
        "labels": json_text(new.labels, "labels"),
        "extra": json_text(new.extra, "extra members"),
        "now": now,
    }
    seq = db.execute(
        """
        INSERT INTO job (id, api, name, queue, executor, cores, priority, key, labels, extra, created_at, changed_at,
            change)
        VALUES (:id, :api, :name, :queue, :executor, :cores, :priority, :key, :labels, :extra, :now, :now,
            (SELECT max(change) + 1 FROM journal))
        """,
        values,
    ).lastrowid
    db.execute("INSERT INTO spec VALUES (?, ?)", (seq, spec_json))
    db.executemany("INSERT INTO label VALUES (?, ?, ?)", [(key, value, seq) for key, value in new.labels.items()])
    if seq is not None:
        _await(db, seq, new)
    return str(values["id"])


def set_status(db: sqlite3.Connection, api: str, job_id: str, status_json: str, states: Iterable[State]) -> bool:
    """Replace the status of a job that is in one of these states; return whether it is."""
    return _update(
        db,
        """
        UPDATE job SET status = :value, changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND api = :api AND state IN (SELECT value FROM json_each(:states))
        """,
        {"api": api, "id": job_id, "value": status_json, "states": json.dumps(list(states))},
    )


def set_extra(db: sqlite3.Connection, api: str, job_id: str, extra: Mapping[str, Any]) -> bool:
    """Replace what an API keeps with a job; return whether there is the job."""
    return _update(
        db,
        """
        UPDATE job SET extra = :value, changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND api = :api
        """,
        {"api": api, "id": job_id, "value": json_text(extra, "extra members")},
    )


def set_priority(db: sqlite3.Connection, api: str, job_id: str, priority: int) -> bool:
    """Change the priority of a job that has not started; return whether it has not."""
    return _update(
        db,
        """
        UPDATE job SET priority = :value, changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND api = :api AND state IN ('created', 'queued')
        """,
        {"api": api, "id": job_id, "value": priority},
    )


def delete(db: sqlite3.Connection, api: str, job_id: str) -> bool:
    """Remove a job that is not on its way; return whether it was there, and not. Its directory goes to the trash."""
    return (
        db.execute(
            "DELETE FROM job WHERE id = ? AND api = ? AND state IN ('created', 'finished')", (job_id, api)
        ).rowcount
        == 1
    )


def _await(db: sqlite3.Connection, seq: int, new: NewJob) -> None:
    if new.held:
        awaiting.hold(db, seq)
    for other, how in new.after:
        if not awaiting.add(db, seq, other, how):
            raise Invalid(f"There is no job {other} to wait for")


def _from_the_nearer_end(db: sqlite3.Connection, api: str, query: Query) -> Query:
    # SQLite walks over all that an offset leaves out. Beyond the middle the other end is nearer, if it is known without
    # counting how many there are in all.
    countable = query.name is None and not query.labels and (query.order == "created" or not query.states)
    if not query.offset or not countable or query.after is not None:
        return query
    total = count(db, api, query)
    if query.offset <= total // 2:
        return query
    left = max(0, total - query.offset)
    limit = left if query.limit is None else min(query.limit, left)
    return replace(query, newest_first=not query.newest_first, limit=limit, offset=left - limit)


def _in(query: Query, state: State) -> bool:
    """Whether jobs in this state have a place in the query's order."""
    return query.order == "created" or state is State.FINISHED


def _numbers(db: sqlite3.Connection, api: str, query: Query) -> list[int]:
    where, values = _conditions(api, query)
    order = f" ORDER BY {_PLACES[query.order]}{' DESC' if query.newest_first else ''} LIMIT ? OFFSET ?"
    values.extend((-1 if query.limit is None else query.limit, query.offset))
    return [row[0] for row in db.execute(where + order, values)]


def _conditions(api: str, query: Query) -> tuple[str, list[Any]]:
    # One part per state, merged in order by SQLite from the index each of them has; a sort would read all of history.
    parts = [_part(api, query, state) for state in query.states or (None,)]
    return " UNION ALL ".join(text for text, _ in parts), [value for _, values in parts for value in values]


def _part(api: str, query: Query, state: State | None) -> tuple[str, list[Any]]:
    place = _PLACES[query.order]
    conditions: list[tuple[str, tuple[Any, ...]]] = [("api = ?", (api,))]
    if state is not None:
        conditions.append(("state = ?", (state,)))
    if query.name is not None:
        conditions.append(("name = ?", (query.name,)))
    if query.order == "ended":
        conditions.append(("ended IS NOT NULL", ()))
    if query.after is not None:
        conditions.append((f"{place} {'<' if query.newest_first else '>'} ?", (query.after,)))
    conditions.extend(
        ("seq IN (SELECT seq FROM label WHERE key = ? AND value = ?)", pair) for pair in query.labels.items()
    )
    text = " AND ".join(text for text, _ in conditions)
    return f"SELECT seq, {place} FROM job WHERE {text}", [value for _, values in conditions for value in values]  # noqa: S608 - values are bound


def _in_order(db: sqlite3.Connection, numbers: list[int]) -> list[Job]:
    rows = db.execute(_BY_NUMBERS, (json.dumps(numbers),))
    found = {row[0]: Job._make(row) for row in rows}
    return [found[number] for number in numbers if number in found]


def _update(db: sqlite3.Connection, statement: str, values: dict[str, object]) -> bool:
    return db.execute(statement, values | {"now": time.time()}).rowcount == 1
