"""For authors of providers: what clients of model servers have in common.

`ClientBase` has what a client may leave out, `ServerClient` also opens an SDK's client once, streams and turns failures
into errors; the functions do the same for a client that does it by hand. Nothing here imports an HTTP library or an
SDK: exceptions are recognised by the names of their classes, which httpx and its successors share.
"""

from nika_core.toolbox.providers.client import ClientBase, ServerClient, ServerError, StreamedReply
from nika_core.toolbox.providers.failures import (
    Headers,
    clean,
    is_too_long,
    retry_after_of,
    status_error,
    transport_error,
    truncated_error,
)
from nika_core.toolbox.providers.values import env_text, load_sdk, parsed_call, without_credentials

__all__ = [
    "ClientBase",
    "Headers",
    "ServerClient",
    "ServerError",
    "StreamedReply",
    "clean",
    "env_text",
    "is_too_long",
    "load_sdk",
    "parsed_call",
    "retry_after_of",
    "status_error",
    "transport_error",
    "truncated_error",
    "without_credentials",
]
