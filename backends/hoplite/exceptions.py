"""What plugins may meet when they report."""

from __future__ import annotations


class HopliteError(Exception):
    """Any of them."""


class JobDoesNotExistError(HopliteError):
    """The job was deleted, or the server is another one."""

    def __init__(self, message: str = "Job does not exist") -> None:
        super().__init__(message)
        self.message = message


class StatusNotDeliveredError(HopliteError, ConnectionError):
    """The server could not be reached for a long time."""
