"""The configuration: typed, from a TOML file, the environment and the command line, weakest first.

A setting ``max_body`` of the section ``[server]`` is ``OPSGATE_SERVER_MAX_BODY`` in the environment. Engines' own
variables (``SUPERVISOR_SERVER_URL`` …) are weaker than the file: supervisord sets them for every child, asked or not.
Unknown and wrong settings are refused by name.
"""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from opsgate import addresses
from opsgate.addresses import Address
from opsgate.settings import Flux, Settings

Layer = dict[str, Any]

PREFIX: Final = "OPSGATE_"
ENGINE_VARIABLES: Final = {
    "SUPERVISOR_SERVER_URL": ("supvisors", "url"),
    "SUPERVISOR_USERNAME": ("supvisors", "username"),
    "SUPERVISOR_PASSWORD": ("supvisors", "password"),
    "ECF_HOST": ("ecflow", "host"),
    "ECF_PORT": ("ecflow", "port"),
    "ECF_USER": ("ecflow", "user"),
    "ECF_PASS": ("ecflow", "password"),
    "ECF_API_TOKEN_FILE": ("ecflow", "tokens_file"),
    "ECF_RESTAPI_TOKEN_FILE": ("ecflow", "tokens_file"),
    "ECF_RESTAPI_TOKENS_FILE": ("ecflow", "tokens_file"),
    "ECF_RESTAPI_POLLING_INTERVAL": ("ecflow", "polling_interval"),
    "ECF_RESTAPI_MAX_UPDATE_INTERVAL": ("ecflow", "max_polling_interval"),
    "ECF_RESTAPI_DELETE_204": ("ecflow", "delete_204"),
    "FLUX_URI": ("flux", "uri"),
    "FLUX_USER": ("flux", "user"),
    "FLUX_TOKEN": ("flux", "token"),
    "FLUX_USER_AUTH": ("flux", "auth"),
    "FLUX_REQUIRE_AUTH": ("flux", "auth"),
    "FLUX_SECRET_KEY": ("flux", "secret_key"),
    "FLUX_ACCESS_TOKEN_EXPIRES_MINUTES": ("flux", "token_minutes"),
    "FLUX_NUMBER_NODES": ("flux", "max_nodes"),
    "FLUX_HAS_GPUS": ("flux", "has_gpus"),
    "FLUX_OPTION_FLAGS": ("flux", "option_flags"),
    "FLUX_SERVER_MODE": ("flux", "server_mode"),
}
"""What the engines' own documents call their settings, and the settings they stand for."""
SWITCHES: Final = frozenset({"FLUX_USER_AUTH", "FLUX_REQUIRE_AUTH", "FLUX_HAS_GPUS"})
"""Those that switch something on by ``true``, ``1``, ``yes`` or ``on``; whatever else they hold means nothing."""
_ON: Final = frozenset({"true", "1", "yes", "on"})


_ASK: Final = ("ecflow",)
"""APIs that ask for credentials wherever something is changed: over TLS they may be reached by others."""


class ConfigError(Exception):
    """A setting that is unknown or wrong; the message names it."""


class NotConfigured(ConfigError):
    """Nothing says which engine an API is to serve: no mistake unless the API was asked for by name."""


def load(file: Path | None, environment: Mapping[str, str], options: Layer) -> Settings:
    """Put the layers together.

    Args:
        file: A TOML file, if any.
        environment: Usually `os.environ`.
        options: What the command line said, in the shape of the file.

    Raises:
        ConfigError: The file can't be read; a setting is unknown, of the wrong type or out of its range.
    """
    layers = (_from_engine_variables(environment), _from_file(file), _from_environment(environment), options)
    merged: Layer = {}
    for layer in layers:
        _merge(merged, layer)
    try:
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as exc:
        raise ConfigError(_explain(exc)) from exc
    _check(settings)
    return settings


def field_types(section: type[msgspec.Struct]) -> dict[str, Any]:
    """The settings of a section, by name, and their types."""
    return {field.name: field.type for field in msgspec.structs.fields(section)}


def _from_engine_variables(environment: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for name, (section, setting) in ENGINE_VARIABLES.items():
        if name in SWITCHES:
            if environment.get(name, "").strip().lower() in _ON:
                layer.setdefault(section, {})[setting] = True
        elif environment.get(name, "").strip():
            layer.setdefault(section, {})[setting] = environment[name]
    return layer


def _from_file(file: Path | None) -> Layer:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{file}: {exc}") from exc


def _from_environment(environment: Mapping[str, str]) -> Layer:
    known = dict(_variables())
    layer: Layer = {}
    for name in sorted(name for name in environment if name.startswith(PREFIX)):
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise ConfigError(f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else ""))
        path, is_list = known[name]
        value: Any = environment[name]
        if is_list:
            value = [part.strip() for part in value.split(",") if part.strip()]
        _put(layer, path, value)
    return layer


def _variables() -> list[tuple[str, tuple[tuple[str, ...], bool]]]:
    """Every environment variable: its name, the path of its setting, whether that is a list."""
    found: list[tuple[str, tuple[tuple[str, ...], bool]]] = []
    for name, kind in field_types(Settings).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += [
                (f"{PREFIX}{name}_{inner}".upper(), ((name, inner), inner_kind == list[str]))
                for inner, inner_kind in field_types(kind).items()
            ]
        else:
            found.append((f"{PREFIX}{name}".upper(), ((name,), kind == list[str])))
    return found


def _put(layer: Layer, path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        layer = layer.setdefault(part, {})
    layer[path[-1]] = value


def _merge(into: Layer, layer: Layer) -> None:
    for name, value in layer.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = dict(value) if isinstance(value, dict) else value


def _explain(exc: msgspec.ValidationError) -> str:
    """``server.workers: Expected `int`, got `str` `` from msgspec's ``… - at `$.server.workers` ``."""
    what, _, where = str(exc).partition(" - at `$")
    return f"{where.strip('`.')}: {what}" if where else what


def _check(settings: Settings) -> None:
    ranges = {"workers": (1, 64), "max_body": (1024, 1 << 30), "keepalive": (0, 3600), "graceful_timeout": (0, 3600)}
    for name, (low, high) in ranges.items():
        value = getattr(settings.server, name)
        if not low <= value <= high:
            raise ConfigError(f"server.{name}: {value} is not within {low} and {high}")
    if settings.server.log_level not in ("debug", "info", "warning", "error"):
        raise ConfigError(f"server.log_level: {settings.server.log_level!r} is not debug, info, warning or error")
    try:
        listening = settings.addresses
    except addresses.AddressError as exc:
        raise ConfigError(f"server.bind: {exc}") from exc
    if not listening:
        raise ConfigError("server.bind: at least one address is needed")
    _check_proxies(settings.server.proxies)
    _check_flux(settings.flux)
    _check_reach(settings, listening)


def _check_proxies(proxies: list[str]) -> None:
    """Whoever is believed may say that he is anybody: addresses and networks only, and no misspelt ones."""
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as exc:
            raise ConfigError(f"server.proxies: {exc}") from exc


def _check_flux(flux: Flux) -> None:
    if flux.server_mode != "single-user":
        raise ConfigError(f"flux.server_mode: {flux.server_mode!r} is not possible, only single-user is")
    if flux.token_minutes <= 0:
        raise ConfigError(f"flux.token_minutes: {flux.token_minutes:g} is not above 0")
    if flux.max_nodes < 0:
        raise ConfigError(f"flux.max_nodes: {flux.max_nodes} is below 0")


def _check_reach(settings: Settings, listening: list[Address]) -> None:
    """Whoever reaches these APIs can run programs: where nothing asks for credentials, stay on this machine."""
    for address in listening:
        asks = bool(settings.server.tokens_file) or _asks(settings, address)
        if not (address.is_local or settings.server.insecure or asks):
            raise ConfigError(
                f"server.bind: {address.bind} can be reached from other machines, and everybody who reaches it can "
                "run programs here; ask for tokens (server.tokens_file), or say --insecure (server.insecure = true) "
                "if that is what you want"
            )


def _asks(settings: Settings, address: Address) -> bool:
    """Whether whoever comes to an address needs credentials; the Flux API's own do, of its documented containers."""
    if address.api == "flux":
        return settings.flux.auth
    return address.api in _ASK and bool(settings.server.certfile)
