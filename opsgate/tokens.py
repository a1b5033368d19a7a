"""A file of tokens: a JSON list of ``{"hash", "description", "expires_at", "revoked_at"}``, as ecflow_http has it.

Each entry may also have ``scopes``, a list of ``API:read`` and ``API:full``, with ``*`` for every API; without any the
token is good for everything.

``hash`` is ``sha256$SALT$HEX``, an HMAC whose key is the salt, or ``pbkdf2:sha256[:ITERATIONS]$SALT$HEX``. Times are
``yyyy-mm-ddTHH:MM:SSZ``, none or an empty one means never. What a token is, no file tells.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from opsgate.backends.errors import Denied

log = logging.getLogger("opsgate.tokens")

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing."""
RELOAD: Final = 2.0
"""Seconds after which the file's time stamp is looked at again."""
_RELOAD_UNKNOWN: Final = 1.0
"""The same when somebody came with a token that is not in it."""
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_ITERATIONS: Final = 260_000
_MOST_ITERATIONS: Final = 10_000_000


class TokenError(ValueError):
    """An entry, or a file, that cannot be read."""


@dataclass(frozen=True)
class Entry:
    """One token of the file.

    Attributes:
        hash: In one of the two forms.
        description: What the token is for.
        expires_at: When it ends, ``None`` for never.
        revoked_at: When it was taken back, ``None`` if it was not.
        scopes: What it is good for; everything if empty.
    """

    hash: str = field(repr=False)
    description: str = ""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    scopes: tuple[str, ...] = ()

    def valid(self, now: datetime) -> bool:
        """Whether it may be used."""
        return all(end is None or now < end for end in (self.expires_at, self.revoked_at))

    def permits(self, api: str, method: str) -> bool:
        """Whether it is good for a request with this method to this API."""
        if not self.scopes:
            return True
        levels = {level for name, _, level in (scope.partition(":") for scope in self.scopes) if name in (api, "*")}
        return "full" in levels or ("read" in levels and method in READS)

    def matches(self, token: str) -> bool:
        """Whether this is the token's entry; takes some 60 ms for pbkdf2."""
        method, salt, digest = self.hash.split("$", 2)
        return hmac.compare_digest(_digest(method, salt, token).encode(), digest.lower().encode())


def permit(entry: Entry, api: str, method: str) -> None:
    """Let a token's owner do a request with this method to this API.

    Raises:
        Denied: The token is not good for it.
    """
    if not entry.permits(api, method):
        raise Denied(f"This token is good for {', '.join(entry.scopes)}, not for {method} in the API {api}")


def check_scope(text: str) -> str:
    """A scope, as it is.

    Raises:
        TokenError: It is none.
    """
    api, colon, level = text.partition(":")
    if not (api and colon and level in ("read", "full")):
        raise TokenError(f"{text!r} is no scope: API:read or API:full, with * for every API")
    return text


def hashed(token: str, method: str = "sha256") -> str:
    """The hash of a token with a new salt; `method` is ``sha256`` or ``pbkdf2:sha256``."""
    salt = secrets.token_hex(8)
    method = f"{method}:{_ITERATIONS}" if method == "pbkdf2:sha256" else method
    return f"{method}${salt}${_digest(method, salt, token)}"


def read(path: Path) -> list[Entry]:
    """The entries of a file; those that cannot be read are logged and left out.

    Raises:
        OSError: The file cannot be read.
        TokenError: It is no JSON list.
    """
    try:
        told = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as exc:
        raise TokenError(f"{path}: not JSON: {exc}") from exc
    if not isinstance(told, list):
        raise TokenError(f"{path}: not a list of tokens")
    return list(_entries(path, told))


def _entries(path: Path, told: list[Any]) -> Iterator[Entry]:
    for number, one in enumerate(told):
        try:
            yield _entry(one)
        except (TypeError, ValueError, KeyError, AttributeError) as exc:
            log.warning("%s: entry %d is left out: %s", path, number, type(exc).__name__)


def _entry(told: dict[str, Any]) -> Entry:
    found: str = told["hash"]
    method, salt, digest = found.split("$", 2)
    _digest(method, salt, "")
    bytes.fromhex(digest)
    description = str(told.get("description") or "")
    scopes = tuple(check_scope(scope) for scope in told.get("scopes") or ())
    "".join((found, description, *scopes)).encode()  # JSON may hold halves of characters, which nothing else can
    return Entry(found, description, _time(told.get("expires_at")), _time(told.get("revoked_at")), scopes)


def _time(text: str | None) -> datetime | None:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC) if text else None


def _digest(method: str, salt: str, token: str) -> str:
    if method == "sha256":
        return hmac.new(salt.encode(), token.encode(), hashlib.sha256).hexdigest()
    name, _, iterations = method.partition(":sha256")
    count = int(iterations.removeprefix(":") or _ITERATIONS)
    if name != "pbkdf2" or not 0 < count <= _MOST_ITERATIONS:
        raise TokenError("neither sha256 nor pbkdf2:sha256")
    if not token:
        return ""  # only the form was asked for
    return hashlib.pbkdf2_hmac("sha256", token.encode(), salt.encode(), count).hex()


class Tokens:
    """The tokens of one file, read again when it changes. Without the file nobody is let in.

    Args:
        path: The file.
        clock: Seconds that only grow; for tests.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = -RELOAD
        self._stamp: tuple[int, ...] | None = None
        self._entries: list[Entry] = []
        self._secret = os.urandom(32)
        self._verified: dict[bytes, Entry] = {}

    def known(self, token: str) -> Entry | None:
        """The entry of a token that was found before and still holds; takes no time."""
        self._look(RELOAD)
        entry = self._verified.get(self._keyed(token))
        return entry if entry is not None and entry.valid(datetime.now(UTC)) else None

    def verify(self, token: str) -> Entry | None:
        """The entry of a token that is in the file and holds; may take 60 ms for each entry."""
        self._look(RELOAD)
        found = self._find(token)
        if found is None and self._look(_RELOAD_UNKNOWN):
            found = self._find(token)
        if found is not None:
            self._verified[self._keyed(token)] = found
        return found

    def _find(self, token: str) -> Entry | None:
        now = datetime.now(UTC)
        valid = [entry for entry in self._entries if entry.valid(now)]
        return next((entry for entry in valid if token and entry.matches(token)), None)

    def _keyed(self, token: str) -> bytes:
        """What stands for a token in memory."""
        return hmac.digest(self._secret, token.encode(), "sha256")

    def _look(self, age: float) -> bool:
        """Read the file if it was looked at so long ago and has changed; whether it was read."""
        if self._clock() - self._looked < age:
            return False
        self._looked = self._clock()
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return False
            entries = read(self._path)
        except (OSError, TokenError) as exc:
            if self._stamp is not None or not isinstance(exc, FileNotFoundError):
                log.warning("the tokens stay as they were: %s", exc)
            return False
        self._entries, self._stamp, self._verified = entries, stamp, {}
        return True


def create(  # noqa: PLR0913 - what an entry is made of
    path: Path,
    description: str,
    *,
    token: str | None = None,
    days: float | None = None,
    method: str = "sha256",
    scopes: Sequence[str] = (),
) -> str:
    """Add a token to a file, made where it is missing, and return the token: nothing else ever tells it.

    Raises:
        OSError: The file cannot be written.
        TokenError: It holds something else; a scope that is none.
    """
    chosen = token or secrets.token_urlsafe(32)
    end = datetime.fromtimestamp(time.time() + days * 86400, UTC) if days is not None else None
    with _changing(path) as entries:
        entries.append(Entry(hashed(chosen, method), description, end, scopes=tuple(map(check_scope, scopes))))
    return chosen


def revoke(path: Path, wanted: Callable[[int, Entry], bool]) -> list[Entry]:
    """Take back the tokens that are wanted, and return those that were not before.

    Raises:
        OSError: The file cannot be read or written.
        TokenError: It holds something else.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    with _changing(path) as entries:
        chosen = [at for at, entry in enumerate(entries) if wanted(at, entry) and entry.valid(now)]
        for at in chosen:
            entries[at] = replace(entries[at], revoked_at=now)
        return [entries[at] for at in chosen]


def listing(path: Path) -> list[str]:
    """One line for each token of a file: its number, method and salt, state, description.

    Raises:
        OSError: The file cannot be read.
        TokenError: It is no list of tokens.
    """
    now = datetime.now(UTC)
    lines = []
    for number, entry in enumerate(read(path)):
        state = (
            "revoked" if entry.revoked_at and entry.revoked_at <= now else "valid" if entry.valid(now) else "expired"
        )
        until = f" until {entry.expires_at.strftime(_TIME)}" if state == "valid" and entry.expires_at else ""
        scopes = ",".join(entry.scopes) or "*:full"
        lines.append(f"{number}  {entry.hash.rpartition('$')[0]}  {state}{until}  {scopes}  {entry.description}")
    return lines


def names(wanted: str, number: int, entry: Entry) -> bool:
    """Whether a user means this entry: by its number, its description, or the token itself."""
    return wanted in (str(number), entry.description) or entry.matches(wanted)


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[list[Entry]]:
    """The entries of a file; what was made of them is written, whole or not at all, one writer at a time."""
    with os.fdopen(os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries = read(path) if path.exists() else []
        yield entries
        fresh = path.with_name(f"{path.name}.new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump([_told(entry) for entry in entries], file, indent=2)
            file.write("\n")
        fresh.replace(path)


def _told(entry: Entry) -> dict[str, Any]:
    times = {"expires_at": entry.expires_at, "revoked_at": entry.revoked_at}
    told = {name: at.strftime(_TIME) for name, at in times.items() if at is not None}
    scopes = {"scopes": list(entry.scopes)} if entry.scopes else {}
    return {"hash": entry.hash, "description": entry.description, **told, **scopes}
