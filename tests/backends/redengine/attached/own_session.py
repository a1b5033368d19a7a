"""A session as users have one."""

from __future__ import annotations

import time

from rocketry import Session  # type: ignore[import-not-found]  # in the environment of the process that imports this

session = Session(config={"execution": "thread"})


def hello() -> str:
    return "hello"


def sleep() -> None:
    time.sleep(60)


session.create_task(func=hello, name="hello", execution="thread")
session.create_task(func=sleep, name="sleep", execution="thread", start_cond="after task 'never'")
session.create_task(func=hello, name="waits", execution="thread", start_cond="after task 'gone'", disabled=True)
session.create_task(func=hello, name="never", execution="thread", disabled=True)
