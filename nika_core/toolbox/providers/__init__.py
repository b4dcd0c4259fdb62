"""For authors of providers: what clients of model servers have in common.

`ClientBase` has what a client may leave out, `ServerClient` also opens an SDK's client once, streams and turns failures
into errors; `ChatReply` reads the replies of servers with the format of chat completions, `Reply` is the base of a
reader for another format. The functions do the same for a client that does it by hand. Nothing here imports an HTTP
library or an SDK: exceptions are recognised by the names of their classes, which httpx and its successors share.
"""

from nika_core.toolbox.providers.calls import CallAssembler
from nika_core.toolbox.providers.chunks import StreamedReply
from nika_core.toolbox.providers.client import ClientBase
from nika_core.toolbox.providers.error_body import ErrorBody, error_in, read_error_body
from nika_core.toolbox.providers.events import ByteResponse, UnreadableReplyError, json_lines, read_events
from nika_core.toolbox.providers.failures import (
    Headers,
    clean,
    is_too_long,
    retry_after_of,
    status_error,
    transport_error,
    truncated_error,
    unreadable_error,
)
from nika_core.toolbox.providers.field_refusals import ServerError
from nika_core.toolbox.providers.rates import ReplyEvents, read_bill, read_rate_state
from nika_core.toolbox.providers.reply import (
    ChatReply,
    Reply,
    batch_replies,
    batch_reply_of,
    content_text,
    stop_reason,
    with_reasoning,
)
from nika_core.toolbox.providers.server_client import ServerClient
from nika_core.toolbox.providers.usage import read_usage
from nika_core.toolbox.providers.values import (
    data_url,
    env_text,
    file_text,
    load_sdk,
    merged,
    names_in,
    parsed_call,
    without_credentials,
)

__all__ = [
    "ByteResponse",
    "CallAssembler",
    "ChatReply",
    "ClientBase",
    "ErrorBody",
    "Headers",
    "Reply",
    "ReplyEvents",
    "ServerClient",
    "ServerError",
    "StreamedReply",
    "UnreadableReplyError",
    "batch_replies",
    "batch_reply_of",
    "clean",
    "content_text",
    "data_url",
    "env_text",
    "error_in",
    "file_text",
    "is_too_long",
    "json_lines",
    "load_sdk",
    "merged",
    "names_in",
    "parsed_call",
    "read_bill",
    "read_error_body",
    "read_events",
    "read_rate_state",
    "read_usage",
    "retry_after_of",
    "status_error",
    "stop_reason",
    "transport_error",
    "truncated_error",
    "unreadable_error",
    "with_reasoning",
    "without_credentials",
]
