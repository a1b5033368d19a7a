"""What the service says of itself, on standard error: lines of text, or JSON objects."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

import orjson

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """A JSON object per line: ``time``, ``level``, ``logger``, ``message``, ``process``, and ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure(level: str, *, as_json: bool) -> None:
    """Set up logging for this process; gunicorn's own lines are of the same form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("connexion").setLevel(logging.ERROR)  # it logs each wrong request as a warning


def gunicorn(level: str, *, as_json: bool) -> dict[str, object]:
    """What gunicorn's ``logconfig_dict`` is to be, so that its lines go through our handler; nothing for text."""
    if not as_json:
        return {}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "loggers": {"gunicorn.error": {"level": level.upper(), "handlers": [], "propagate": True}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "formatters": {"json": {"()": f"{__name__}.JsonFormatter"}},
    }
