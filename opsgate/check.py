"""`opsgate check`: what works, what is missing and how to get it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from openapi_spec_validator import OpenAPIV30SpecValidator

from opsgate import apis, spec
from opsgate.apis import Api, Backend
from opsgate.backends.errors import EngineError
from opsgate.binding import BindingError, bind
from opsgate.config import ConfigError, NotConfigured
from opsgate.settings import Settings
from opsgate.spec import SpecError

_LIMIT = 5.0  # seconds an engine has to answer


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        works: Whether it is as it must be.
        what: What was looked at.
        result: What was seen, or what is wrong and how to mend it.
        left_out: Whether it is only not there, and nobody asked for it.
    """

    works: bool
    what: str
    result: str
    left_out: bool = False

    def __str__(self) -> str:
        word = "left out" if self.left_out else "ok" if self.works else "PROBLEM"
        return f"{word:8} {self.what}: {self.result}"


def run(settings: Settings, say: Callable[[str], object]) -> bool:
    """Look at everything, tell each finding, and return whether all works."""
    works = True
    for finding in _findings(settings):
        say(str(finding))
        works = works and finding.works
    return works


def _findings(settings: Settings) -> Iterator[Finding]:
    try:
        selected = apis.chosen(settings)
    except ConfigError as exc:
        yield Finding(False, "configuration", str(exc))
        return
    for api in selected:
        yield _spec(api)
        try:
            backend = api.connect(settings)
        except ConfigError as exc:
            # `serve` leaves out what nobody configured or asked for by name.
            left_out = isinstance(exc, NotConfigured) and api.name not in settings.named
            yield Finding(left_out, f"engine of {api.name}", str(exc), left_out)
            continue
        yield _handlers(api, backend)
        yield asyncio.run(_engine(api, backend))


def _spec(api: Api) -> Finding:
    what = f"specs/{api.name}.yaml"
    try:
        document = spec.load(api.name)
    except SpecError as exc:
        return Finding(False, what, str(exc))
    error = next(OpenAPIV30SpecValidator(document).iter_errors(), None)
    if error is not None:
        return Finding(False, what, f"{'/'.join(map(str, error.absolute_path))}: {error.message}")
    return Finding(True, what, f"{len(spec.operations(document))} operations")


def _handlers(api: Api, backend: Backend) -> Finding:
    what = f"handlers of {api.name}"
    try:
        bound = bind(api.name, spec.load(api.name), backend, consumed=api.consumed, whole_query=api.whole_query)
    except (BindingError, SpecError) as exc:
        return Finding(False, what, str(exc))
    return Finding(True, what, f"{len(bound)} bound")


async def _engine(api: Api, backend: Backend) -> Finding:
    what = f"engine of {api.name}"
    try:
        async with asyncio.timeout(_LIMIT):
            state = await backend.ready()
    except EngineError as exc:
        return Finding(False, what, exc.message)
    except TimeoutError:
        return Finding(False, what, f"no answer within {_LIMIT:g} s")
    finally:
        await backend.aclose()
    return Finding(True, what, ", ".join(f"{name} {value}" for name, value in state.items()))
