"""The Flux API: a Flux instance, or this machine."""

from __future__ import annotations

import logging
import shlex

from opsgate import problems
from opsgate.apis.record import Api, Backend
from opsgate.config import ConfigError
from opsgate.flux.access import SHORTEST_KEY, Access
from opsgate.flux.choosing import choose
from opsgate.flux.credentials import BEARER_CHALLENGE, MISSING, proves_itself
from opsgate.flux.layers import FluxLayers
from opsgate.flux.presenting import QUERY
from opsgate.flux.service import TITLE, FluxService
from opsgate.handlers.flux.needs import Rules
from opsgate.settings import Settings

log = logging.getLogger("opsgate.flux")


def connect(settings: Settings) -> Backend:
    """The engine that the settings ask for, with its one user."""
    chosen = settings.flux
    choice = choose(settings)
    log.info("engine %s: %s", choice.backend.engine, choice.reason)
    access = Access(chosen.user, chosen.token, chosen.secret_key, chosen.token_minutes)
    if chosen.auth and not access.is_complete:
        log.warning("%s: every request is refused", MISSING)
    if chosen.secret_key and len(chosen.secret_key.encode()) < SHORTEST_KEY:
        log.warning("FLUX_SECRET_KEY has less than %d bytes: it can be guessed", SHORTEST_KEY)
    return FluxService(
        choice.backend,
        access,
        auth=chosen.auth,
        rules=rules(settings),
        uri=chosen.uri,
        stops=chosen.stop or is_alone(settings),
    )


def is_alone(settings: Settings) -> bool:
    """Whether this API is at the root of each address, as `opsgate flux` has it."""
    return all(address.api == API.name for address in settings.addresses)


def rules(settings: Settings) -> Rules:
    """What the settings say about submissions.

    Raises:
        ConfigError: The option flags cannot be read.
    """
    chosen = settings.flux
    try:
        flags = _shell_options(shlex.split(chosen.option_flags))
    except ValueError as exc:
        raise ConfigError(f"flux.option_flags: {exc}") from exc
    return Rules(max_nodes=chosen.max_nodes, has_gpus=chosen.has_gpus, option_flags=flags)


def _shell_options(words: list[str]) -> dict[str, object]:
    """``-ompi=none -o verbose=1 -o pty``, as on the command line of Flux."""
    flags: dict[str, object] = {}
    for word in words:
        name, equals, value = word.removeprefix("-o").strip().partition("=")
        if name.startswith("-"):
            raise ValueError(f"{word!r} is not -oNAME=VALUE")
        if name:
            flags[name] = (int(value) if value.isdigit() else value) if equals else 1
    return flags


API = Api(
    "flux",
    TITLE,
    connect,
    problems.render_detail,
    statuses=problems.flux_status,
    whole_query=QUERY,
    challenges=(BEARER_CHALLENGE,),
    exempt=proves_itself,
    layers=FluxLayers(),
)
