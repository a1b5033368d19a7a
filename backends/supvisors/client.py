"""Calls of named methods on one supervisord: values in, values out, failures by meaning."""

from __future__ import annotations

from typing import Any, TypeVar

from opsgate.backends.calls import Calls
from opsgate.backends.errors import Broken
from opsgate.backends.supvisors import codec
from opsgate.backends.supvisors.address import Address
from opsgate.backends.supvisors.coalescing import Coalescing
from opsgate.backends.supvisors.codec import Parameter
from opsgate.backends.supvisors.decoded import Decoded
from opsgate.backends.supvisors.faults import FaultError, of_fault
from opsgate.backends.supvisors.limits import Limits
from opsgate.backends.supvisors.transport import Transport

T = TypeVar("T")
_Kind = type[T] | tuple[type[T], ...]


class Client:
    """One supervisord.

    Each call names the type that its result must have; another one is `Broken`. The failures are those of
    `transport.Transport` and `faults.MEANINGS`, and `Invalid` for a value that XML-RPC cannot carry.
    """

    def __init__(self, address: Address, limits: Limits) -> None:
        self._transport = Transport(address, limits)
        self._reads = Coalescing()
        self._decoded = Decoded(_decode)

    @property
    def calls(self) -> Calls:
        """The calls that were sent; reads that were answered together are one."""
        return self._transport.calls

    async def read(self, kind: _Kind[T], method: str, *parameters: Parameter) -> T:
        """Return the result of a method that changes nothing. Results are shared between callers: never change them."""
        body = codec.encode(method, parameters)
        return _checked(kind, method, await self._reads.call(body, lambda: self._read(method, body)))

    async def batch(self, *calls: tuple[Parameter, ...]) -> list[Any]:
        """Return the results of several methods that change nothing, in one round trip.

        Args:
            calls: Method name and arguments of each.

        Returns:
            For each call its result, or the failure, not raised. What would crash a single call is FAILED here.
        """
        named = [{"methodName": method, "params": parameters} for method, *parameters in calls]
        return [_result(outcome) for outcome in await self.read(list, "system.multicall", named)]

    async def act(self, kind: _Kind[T], method: str, *parameters: Parameter, wait: bool = False) -> T:
        """Return the result of a method that changes something.

        Args:
            kind: The type of the result.
            method: Its name.
            parameters: Its arguments.
            wait: Whether the daemon answers only when what was asked for has come about.
        """
        body = codec.encode(method, parameters)
        send = self._transport.wait if wait else self._transport.act
        return _checked(kind, method, _decode(await send(method, body)))

    async def aclose(self) -> None:
        """Close all connections; calls under way end with `Unavailable`."""
        await self._transport.aclose()
        await self._reads.aclose()

    async def _read(self, method: str, body: bytes) -> Any:
        return self._decoded.result(body, await self._transport.read(method, body))


def _decode(body: bytes) -> Any:
    try:
        return codec.decode(body)
    except FaultError as fault:
        raise of_fault(fault) from fault


def _checked(kind: _Kind[T], method: str, result: Any) -> T:
    if not isinstance(result, kind):
        raise Broken(f"supervisord answered {method} with {type(result).__name__} instead of {kind}")
    return result


def _result(outcome: Any) -> Any:
    if isinstance(outcome, dict) and outcome.keys() == {"faultCode", "faultString"}:
        return of_fault(FaultError(outcome["faultCode"], outcome["faultString"]))
    return outcome
