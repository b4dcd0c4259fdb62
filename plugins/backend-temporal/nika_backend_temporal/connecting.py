"""Connects to the server, and says in a sentence why that does not work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from temporalio.service import RPCError, RPCStatusCode

from nika_backend_temporal.address import API_KEY, Address
from nika_backend_temporal.large_payloads import LargePayloads
from nika_core.plugin import UsageError, codes

_SECONDS: Final = 10.0
_LOGGED: Final = TelemetryFilter(core_level="ERROR", other_level="ERROR")


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
                runtime=Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=_LOGGED))),
            )
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=address.namespace))
    except TimeoutError:
        raise _unreachable(address, f"it gave no answer within {_SECONDS:g} s") from None
    except RPCError as error:
        raise _failed(address, error) from None
    except RuntimeError as error:  # what the library raises if there is nobody to connect to
        raise _unreachable(address, _short(error)) from None
    return client


@asynccontextmanager
async def errors_of(address: Address) -> AsyncIterator[None]:
    """Make a UsageError of what the server refuses."""
    try:
        yield
    except RPCError as error:
        raise _failed(address, error) from error


def _failed(address: Address, error: RPCError) -> UsageError:
    if error.status is RPCStatusCode.NOT_FOUND and "amespace" in error.message:
        hint = f"temporal operator namespace create -n {address.namespace} --address {address.target}"
        return UsageError(
            f"the Temporal server at {address.target} has no namespace '{address.namespace}'",
            code=codes.USAGE,
            hint=f"name another one, or make it: {hint}",
        )
    if error.status in (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED):
        return UsageError(
            f"the Temporal server at {address.target} refuses: {error.message}",
            code=codes.USAGE,
            hint=f"check {API_KEY}, and `cert` and `key` of the address",
        )
    return _unreachable(address, error.message)


def _unreachable(address: Address, why: str) -> UsageError:
    return UsageError(
        f"the Temporal server at {address.target} cannot be used: {why}",
        code=codes.NETWORK_FAILED,
        hint="start one (`temporal server start-dev`), or correct the address; `?tls=yes` for one that wants TLS",
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
