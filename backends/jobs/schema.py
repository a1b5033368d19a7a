"""The tables, and the steps from one version of them to the next.

Runners of the version before go on working on tables of the version after (an upgrade does not stop jobs), so a step
may only add: columns with a default, tables, indexes, words in the journal.

Two things are kept by triggers, so that no statement can forget them: `tally` (how many jobs of an API are in a state,
without counting them) and `journal` (what changed, in order). The journal also gives out the one sequence of numbers
that everything is ordered by; clocks step, it does not. Its newest row is never removed.
"""

from __future__ import annotations

import os
import sqlite3

_FIRST = (
    """
    CREATE TABLE job (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        api TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'created'
            CHECK (state IN ('created', 'queued', 'starting', 'running', 'finished')),
        change INTEGER NOT NULL,              -- journal number of the last change
        changed_at REAL NOT NULL,
        queue TEXT NOT NULL,
        executor TEXT NOT NULL,
        cores INTEGER NOT NULL CHECK (cores > 0),
        priority INTEGER NOT NULL DEFAULT 0,
        key TEXT,                             -- idempotency key
        turn INTEGER,                         -- journal numbers of: was queued
        began INTEGER,                        --                     is running
        ended INTEGER,                        --                     is finished
        created_at REAL NOT NULL,
        queued_at REAL,
        started_at REAL,
        finished_at REAL,
        duration REAL,
        claim TEXT,                           -- a new one for each attempt to start it
        claimer TEXT,                         -- the process that took it from the queue
        claimed_uptime REAL,
        failures INTEGER NOT NULL DEFAULT 0,  -- runners that died before they executed anything
        boot TEXT,
        handle TEXT,                          -- the executor's own name for its runner
        pid INTEGER,
        started_uptime REAL,
        killed INTEGER NOT NULL DEFAULT 0,
        kill_grace REAL,
        exit_code INTEGER,
        signal INTEGER,
        waitstatus INTEGER,
        cause TEXT,
        labels TEXT NOT NULL DEFAULT '{}',
        extra TEXT NOT NULL DEFAULT '{}',
        ending TEXT,                          -- the exit record
        status TEXT NOT NULL DEFAULT '{}'
    )
    """,
    # Not in the job's row, which is written anew with every status.
    "CREATE TABLE spec (seq INTEGER PRIMARY KEY REFERENCES job (seq) ON DELETE CASCADE, body TEXT NOT NULL)",
    """
    CREATE TABLE label (
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        seq INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
        PRIMARY KEY (key, value, seq)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX label_job ON label (seq)",
    "CREATE INDEX job_api ON job (api, seq)",
    "CREATE INDEX job_state ON job (api, state, seq)",
    "CREATE INDEX job_name ON job (api, name, seq)",
    "CREATE INDEX job_ended ON job (api, ended) WHERE ended IS NOT NULL",
    "CREATE UNIQUE INDEX job_key ON job (api, key) WHERE key IS NOT NULL",
    "CREATE INDEX job_waiting ON job (queue, priority DESC, turn) WHERE state = 'queued'",
    "CREATE INDEX job_active ON job (queue, cores) WHERE state IN ('starting', 'running')",
    "CREATE TABLE limits (queue TEXT PRIMARY KEY, cores INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE trash (id TEXT PRIMARY KEY) WITHOUT ROWID",
    """
    CREATE TABLE tally (
        api TEXT NOT NULL, state TEXT NOT NULL, jobs INTEGER NOT NULL, PRIMARY KEY (api, state)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER tally_more AFTER INSERT ON job BEGIN
        INSERT INTO tally VALUES (NEW.api, NEW.state, 1) ON CONFLICT (api, state) DO UPDATE SET jobs = jobs + 1;
    END
    """,
    """
    CREATE TRIGGER tally_less AFTER DELETE ON job BEGIN
        UPDATE tally SET jobs = jobs - 1 WHERE api = OLD.api AND state = OLD.state;
    END
    """,
    """
    CREATE TRIGGER tally_move AFTER UPDATE OF state ON job WHEN NEW.state <> OLD.state BEGIN
        UPDATE tally SET jobs = jobs - 1 WHERE api = OLD.api AND state = OLD.state;
        INSERT INTO tally VALUES (NEW.api, NEW.state, 1) ON CONFLICT (api, state) DO UPDATE SET jobs = jobs + 1;
    END
    """,
    """
    CREATE TABLE journal (
        change INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        api TEXT NOT NULL,
        event TEXT NOT NULL,
        at REAL NOT NULL
    )
    """,
    "INSERT INTO journal VALUES (0, '', '', 'opened', 0)",
    """
    CREATE TRIGGER journal_created AFTER INSERT ON job BEGIN
        INSERT INTO journal VALUES (NEW.change, NEW.id, NEW.api, NEW.state, NEW.changed_at);
    END
    """,
    """
    CREATE TRIGGER journal_changed AFTER UPDATE OF change ON job BEGIN
        INSERT INTO journal VALUES (NEW.change, NEW.id, NEW.api, CASE
            WHEN NEW.state <> OLD.state THEN NEW.state
            WHEN NEW.killed <> OLD.killed THEN 'kill'
            WHEN NEW.status IS NOT OLD.status THEN 'status'
            ELSE 'changed' END, NEW.changed_at);
    END
    """,
    """
    CREATE TRIGGER journal_deleted AFTER DELETE ON job BEGIN
        INSERT INTO journal SELECT max(change) + 1, OLD.id, OLD.api, 'deleted', OLD.changed_at FROM journal;
        INSERT INTO trash VALUES (OLD.id) ON CONFLICT (id) DO NOTHING;
    END
    """,
)

_SECOND = (
    "ALTER TABLE job ADD COLUMN killed_at REAL",  # when somebody wanted a starting or running job ended
    "ALTER TABLE job ADD COLUMN awaits INTEGER NOT NULL DEFAULT 0",  # how many other jobs it still waits for
    # What keeps a created job from its queue: other jobs, or, as `hold`, a word. `settled` once that is over.
    """
    CREATE TABLE awaited (
        seq INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
        other TEXT NOT NULL,
        how TEXT NOT NULL CHECK (how IN ('start', 'end', 'success', 'failure', 'hold')),
        settled INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (seq, other, how)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX awaited_other ON awaited (other)",
    "CREATE INDEX awaited_settled ON awaited (seq) WHERE settled = 1",
    """
    CREATE TRIGGER awaited_reached AFTER UPDATE OF state ON job WHEN NEW.state IN ('running', 'finished') BEGIN
        UPDATE awaited SET settled = 1 WHERE other = NEW.id AND (NEW.state = 'finished' OR how = 'start');
        DELETE FROM awaited WHERE seq = NEW.seq AND NEW.state = 'finished';
    END
    """,
    """
    CREATE TRIGGER awaited_deleted AFTER DELETE ON job BEGIN
        UPDATE awaited SET settled = 1 WHERE other = OLD.id;
    END
    """,
    "DROP TRIGGER journal_changed",
    """
    CREATE TRIGGER journal_changed AFTER UPDATE OF change ON job BEGIN
        INSERT INTO journal VALUES (NEW.change, NEW.id, NEW.api, CASE
            WHEN NEW.state = 'created' AND OLD.state = 'queued' THEN 'held'
            WHEN NEW.state <> OLD.state THEN NEW.state
            WHEN NEW.killed <> OLD.killed THEN 'kill'
            WHEN NEW.status IS NOT OLD.status THEN 'status'
            WHEN NEW.priority <> OLD.priority THEN 'priority'
            WHEN NEW.awaits <> OLD.awaits THEN 'awaits'
            ELSE 'changed' END, NEW.changed_at);
    END
    """,
)


class Tables:
    """The tables of one kind of store.

    Args:
        store: What people call it.
        steps: One entry per version: the statements that lead to it from the one before.
    """

    def __init__(self, store: str, steps: tuple[tuple[str, ...], ...]) -> None:
        self.store = store
        self.steps = steps


JOBS = Tables("job store", (_FIRST, _SECOND))


class NewerSchemaError(Exception):
    """The file was written by a newer version of this program."""


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the tables in a file; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def identity(connection: sqlite3.Connection) -> int:
    """Return a number that another store does not have, be it in the same place: its numbers begin anew."""
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def migrate(connection: sqlite3.Connection, tables: Tables = JOBS) -> None:
    """Bring the tables to this program's version; any number of processes may do so at once.

    Raises:
        NewerSchemaError: They are already past it.
    """
    if version_of(connection) == len(tables.steps):
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        _step_up(connection, tables)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _step_up(connection: sqlite3.Connection, tables: Tables) -> None:
    found, known = version_of(connection), len(tables.steps)
    if found > known:
        raise NewerSchemaError(f"The {tables.store} has tables of version {found}, this program knows {known}")
    for step in tables.steps[found:]:
        for statement in step:
            connection.execute(statement)
    if identity(connection) == 0:
        connection.execute(f"PRAGMA application_id = {int.from_bytes(os.urandom(4)) >> 1 or 1}")
    connection.execute(f"PRAGMA user_version = {known}")
