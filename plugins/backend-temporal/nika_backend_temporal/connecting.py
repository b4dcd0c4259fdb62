"""Connects to the server, and says in a sentence why that does not work."""

from __future__ import annotations

import asyncio
import atexit
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError

from nika_backend_temporal.address import Address
from nika_backend_temporal.connection_errors import of_rpc, of_text, unusable
from nika_backend_temporal.large_payloads import LargePayloads

_SECONDS: Final = 10.0
_MOMENT: Final = 0.5  # seconds that a thread has to note that its call was cancelled
_LOGGED: Final = TelemetryFilter(core_level="ERROR", other_level="ERROR")
_LET_GO: Final[list[float]] = []  # when a call was cancelled last


class _JsonInOrder(JSONPlainPayloadConverter):
    """The library's converter sorts keys; prompts and outputs show them in the order in which they were written."""

    def to_payload(self, value: Any) -> Payload:
        """Return a value as it is."""
        data = json.dumps(value, separators=(",", ":")).encode()
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)


class _InOrder(CompositePayloadConverter):
    """The library's converters, of which one is replaced."""

    def __init__(self) -> None:
        kept = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(_JsonInOrder() if type(each) is JSONPlainPayloadConverter else each for each in kept))


def converter(codec: LargePayloads) -> DataConverter:
    """Return what makes payloads of values, and back."""
    return DataConverter(payload_converter_class=_InOrder, payload_codec=codec)


@cache
def _runtime() -> Runtime:
    """Return what all connections of this process share: each has threads of its own."""
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=_LOGGED)))


async def connect(address: Address, codec: LargePayloads) -> Client:
    """Return a client. Raise UsageError if the server cannot be reached, or has no such namespace."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

    try:
        async with asyncio.timeout(_SECONDS):
            client = await Client.connect(
                address.target,
                namespace=address.namespace,
                tls=address.tls,
                api_key=address.api_key,
                data_converter=converter(codec),
                runtime=_runtime(),
            )
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=address.namespace))
    except TimeoutError:
        let_go()
        hint = "start it again, or correct the address; a proxy or a firewall may be between"
        raise unusable(address, f"it gave no answer within {_SECONDS:g} s", hint) from None
    except asyncio.CancelledError:
        let_go()
        raise
    except RPCError as error:
        raise of_rpc(address, error) from None
    except RuntimeError as error:  # what the library raises if there is nobody to connect to
        raise of_text(address, str(error)) from None
    return client


def let_go() -> None:
    """Note that a call of the library was cancelled.

    A thread of the library still has to note it in Python. If that happens while the interpreter ends, the process
    hangs or crashes ("Fatal Python error"), so it ends a moment later.
    """
    if not _LET_GO:
        atexit.register(_wait_for_threads)
    _LET_GO[:] = [time.monotonic()]


def _wait_for_threads() -> None:
    time.sleep(max(0.0, _LET_GO[0] + _MOMENT - time.monotonic()))


@asynccontextmanager
async def errors_of(address: Address) -> AsyncIterator[None]:
    """Make a UsageError of what the server refuses."""
    try:
        yield
    except RPCError as error:
        raise of_rpc(address, error) from error
