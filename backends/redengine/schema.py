"""The tables, and the steps from one version to the next; a step may only add, as in the job store.

`counter` gives every change its number: a task, run or setting with a higher one changed later, and as long as the
counter stands still, so does everything that readers keep. Times are seconds since 1970, rounded to microseconds.
"""

from __future__ import annotations

from typing import Final

from opsgate.backends.jobs.schema import Tables

_FIRST = (
    "CREATE TABLE counter (change INTEGER NOT NULL, parameters INTEGER NOT NULL)",  # the last one, and that of these
    "INSERT INTO counter VALUES (1, 1)",
    """
    CREATE TABLE task (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        change INTEGER NOT NULL,
        class TEXT NOT NULL,
        own TEXT NOT NULL,                    -- the members of its class, JSON
        description TEXT,
        start_cond TEXT NOT NULL,
        end_cond TEXT NOT NULL,
        disabled INTEGER NOT NULL,
        execution TEXT NOT NULL,
        priority INTEGER NOT NULL,
        timeout REAL,                         -- seconds; NULL for the service's default, 0 for any time
        daemon INTEGER,
        on_startup INTEGER NOT NULL,
        on_shutdown INTEGER NOT NULL,
        parameters TEXT NOT NULL,             -- JSON
        force_run INTEGER NOT NULL DEFAULT 0,          -- a run is asked for that was not handed over yet
        force_termination INTEGER NOT NULL DEFAULT 0,  -- the present run is being ended
        active TEXT,                          -- the id of the run that was handed over and is not over
        status TEXT,
        last_run REAL,
        last_success REAL,
        last_fail REAL,
        last_terminate REAL,
        last_inaction REAL
    )
    """,
    "CREATE INDEX task_change ON task (change)",
    "CREATE TABLE gone (seq INTEGER PRIMARY KEY, change INTEGER NOT NULL)",  # tasks that were deleted
    "CREATE INDEX gone_change ON gone (change)",
    """
    CREATE TABLE dependency (
        child INTEGER NOT NULL REFERENCES task (seq) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        parent TEXT NOT NULL,
        relation TEXT NOT NULL,
        type TEXT,
        PRIMARY KEY (child, position)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE setting (
        kind TEXT NOT NULL CHECK (kind IN ('parameter', 'config', 'return')),
        name TEXT NOT NULL,
        value TEXT NOT NULL,                  -- JSON
        UNIQUE (kind, name)
    )
    """,
    """
    CREATE TABLE run (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL UNIQUE,          -- that of its job, too
        task INTEGER NOT NULL,                -- it may be gone
        task_name TEXT NOT NULL,
        reason TEXT NOT NULL CHECK (reason IN ('schedule', 'force_run', 'startup', 'shutdown')),
        state TEXT NOT NULL CHECK (state IN ('waiting', 'queued', 'running', 'ended')),
        requested REAL NOT NULL,
        stop INTEGER NOT NULL DEFAULT 0,      -- somebody wants it ended
        start REAL,
        "end" REAL,
        runtime REAL,
        action TEXT,
        exit_code INTEGER,
        signal INTEGER,
        cause TEXT,
        exc_text TEXT,
        return_value TEXT                     -- JSON
    )
    """,
    "CREATE INDEX run_task ON run (task, seq)",
    "CREATE INDEX run_left ON run (state, seq) WHERE state <> 'ended'",
    "CREATE INDEX run_unwanted ON run (run_id) WHERE stop = 1 AND state <> 'ended'",
    """
    CREATE TABLE log (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        task_name TEXT NOT NULL,
        action TEXT NOT NULL,
        created REAL NOT NULL,
        timestamp TEXT NOT NULL,              -- the same as local time
        start TEXT NOT NULL,
        "end" TEXT,
        runtime REAL,
        run_id TEXT,
        body TEXT NOT NULL                    -- the record as it is told, JSON
    )
    """,
    "CREATE INDEX log_task ON log (task_name, action, created)",
    "CREATE INDEX log_name ON log (task_name, id)",
    "CREATE INDEX log_action ON log (action, id)",
    "CREATE INDEX log_timestamp ON log (timestamp)",
    "CREATE INDEX log_run ON log (run_id)",
)

TABLES: Final = Tables("Red Engine store", (_FIRST,))
