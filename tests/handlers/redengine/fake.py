"""A port that notes what it is asked, and answers the same every time."""

from __future__ import annotations

from typing import Any

from opsgate.backends.redengine.port import Document, LogPage

LISTED = Document(b'[{"name":"a"}]', "1-2")
OBJECT = Document(b'{"k":1}', "1-3")
RUN = {"run_id": "r"}


class Port:
    """See `opsgate.backends.redengine.port.RedenginePort`.

    Attributes:
        asked: What it was asked, each as method, arguments.
        pages: The log, page by page.
    """

    calls = ()

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.pages = [LogPage(b'[{"id":1}]', None)]
        self._documents = {"tasks": LISTED, "dependencies": LISTED, "delete": None}
        self._objects: dict[str, Any] = {"runs": [RUN], **dict.fromkeys(("run", "run_now", "stop", "stop_run"), RUN)}

    def __getattr__(self, name: str) -> Any:
        async def method(*arguments: object) -> Any:
            self.asked.append((name, *arguments))
            if name == "logs":
                return self.pages.pop(0)
            if name in ("output", "task_output", "preview", "check_condition", "import_session", "scheduler"):
                return {"of": name}
            return self._objects.get(name) or self._documents.get(name, OBJECT)

        return method
