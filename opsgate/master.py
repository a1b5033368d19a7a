"""gunicorn's master, which also looks after socket files.

A cleaner of old files may remove one. Nobody could come by it any more, and gunicorn would fail at its own end for want
of it. So it is made anew: new workers listen on it, and the old ones end as in a reload.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.sock import BaseSocket, UnixSocket

log = logging.getLogger("opsgate.master")


class Master(Arbiter):  # type: ignore[misc]  # has no type information
    """gunicorn's arbiter."""

    def murder_workers(self) -> None:
        """Look after the workers, which gunicorn does once a second, and after the files."""
        super().murder_workers()
        # Those of systemd are its own; where another service has taken a path, that one is meant to be there.
        gone = [] if self.systemd else [listener for listener in self.LISTENERS if _is_gone(listener)]
        renewed = [listener for listener in gone if self._is_renewed(listener)]
        if renewed:
            self.reload()

    def stop(self, graceful: bool = True) -> None:
        """End; gunicorn removes the files, and fails if one is not there."""
        for listener in [listener for listener in self.LISTENERS if _has_no_file(listener)]:
            self.LISTENERS.remove(listener)
            listener.close()
        super().stop(graceful)

    def _is_renewed(self, listener: BaseSocket) -> bool:
        path = listener.cfg_addr
        try:
            self.LISTENERS[self.LISTENERS.index(listener)] = UnixSocket(path, listener.conf, listener.log)
        except OSError as exc:
            log.warning("The socket file %s was removed, and cannot be made again: %s", path, exc)
            return False
        log.warning("The socket file %s was removed; it is there again", path)
        listener.close()
        return True


def _has_no_file(listener: BaseSocket) -> bool:
    return isinstance(listener, UnixSocket) and not Path(listener.cfg_addr).exists()


def _is_gone(listener: BaseSocket) -> bool:
    return _has_no_file(listener) and os.access(Path(listener.cfg_addr).parent, os.W_OK)
