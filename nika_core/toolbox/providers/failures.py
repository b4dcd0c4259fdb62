"""What goes wrong on the way to a model, as the errors that the kernel knows."""

from __future__ import annotations

import asyncio
import base64
import math
import os
import re
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final, Protocol
from urllib.parse import quote

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.usage import NOTHING, Usage
from nika_core.toolbox.providers.error_body import read_error_body
from nika_core.toolbox.providers.events import UnreadableReplyError

_PROXY_USER: Final = "write them into the proxy's variable: HTTPS_PROXY=http://user:password@proxy:port"
_MESSAGE: Final = 500  # characters of what a server says
_TOO_LONG: Final = re.compile(
    r"context.?length|context.?window|maximum context|context size|(prompt|input|request) is too long"
    r"|too many (input )?tokens|(exceeds?|larger than|longer than|over) .{0,40}(context|maximum number of tokens)"
    r"|maximum model length|reduce the length|`?inputs`? tokens|prompt contains \d+ tokens",
    re.IGNORECASE,
)
_BLIND: Final = re.compile(  # llama.cpp, Ollama, vLLM, OpenAI, OpenRouter, DeepSeek and others, with any status
    r"(image|vision|multi-?modal)\w*( input)?s? ((is|are) )?(not|only) (supported|enabled|available)"
    r"|(not|n't|no endpoints found that) (support|accept|take|handle)s? (image|vision|multi-?modal)"
    r"|not a (multi-?modal|vision) model|at most 0 image|required for image input|unknown variant .?image_url",
    re.IGNORECASE,
)


class Headers(Protocol):
    """Response headers of any HTTP library."""

    def get(self, name: str, /) -> str | None:
        """Return a header's value, or None if it is not there. Names ignore case."""
        ...


def clean(message: str, secrets: Sequence[str] = ()) -> str:
    """Return what a server says on one line, without control characters and without a key in it."""
    for secret in secrets:
        if len(secret) >= 6:
            for shown in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")):
                message = message.replace(shown, "***")
            message = re.sub(r"[^\s\"'`:,;()]{6,}", partial(_without_part, secret), message)
    message = " ".join("".join(char if char.isprintable() else " " for char in message).split())
    return message if len(message) <= _MESSAGE else message[: _MESSAGE - 1] + "…"


def _without_part(secret: str, word: re.Match[str]) -> str:
    """Hide a key of which a server shows the beginning or the end, with stars or dots for the rest."""
    shown = re.sub(r"(?<!\.)[.!?]\Z", "", word[0])  # without the end of a sentence
    begins, *others = re.split(r"[*.\u2022\u2026xX]{2,}", shown)
    ends = others[-1] if others else ""
    hidden = others and (begins or ends) and secret.startswith(begins) and secret.endswith(ends)
    return "***" + word[0][len(shown) :] if hidden or (len(shown) >= 8 and shown in secret) else word[0]


def retry_after_of(headers: Headers) -> float | None:
    """Return the seconds that the server asks to wait: `Retry-After` (seconds or a date), or `retry-after-ms`."""
    milliseconds = headers.get("retry-after-ms")
    value = headers.get("retry-after")
    try:
        if milliseconds or value:
            seconds = float(milliseconds) / 1000 if milliseconds else float(value or 0)
            return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value or "")
        sent = headers.get("date")
        now = parsedate_to_datetime(sent) if sent else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None


def is_too_long(message: str, code: str | None = None) -> bool:
    """Return whether a refused request did not fit the model's context, by the words that servers use."""
    return re.search("context_length|exceed_context", code or "") is not None or _TOO_LONG.search(message) is not None


def status_error(
    provider: str,
    status: int,
    message: str,
    headers: Headers,
    *,
    model: str | None = None,
    code: str | None = None,
    key_variable: str | None = None,
    secrets: Sequence[str] = (),
    usage: Usage | None = None,
    address: str = "",
) -> TaskError:
    """Return the error for an HTTP status.

    Args:
        message: what the server says.
        code: the server's own word for the error, if it has one.
        key_variable: the environment variable that has the key.
        address: where the server is, without credentials.
        secrets: values that must not be shown.
    """
    text = clean(message, secrets)
    said = f" (HTTP {status}): {text}" if text else f" (HTTP {status})"
    wait = retry_after_of(headers)
    if status == 402 or code in ("insufficient_quota", "billing_error"):
        return TaskError(
            f"{provider} says that the account's credit or quota is used up{said}",
            category=Category.CONFIG,
            hint="see the billing page of the account",
        )
    if status in (401, 403):
        variable = f" in {key_variable}" if key_variable else ""
        return TaskError(
            f"{provider} refuses the key{variable}{said}",
            category=Category.CONFIG,
            hint="set a key that is valid there and may use this model; `nika providers --check` tries it",
        )
    if status == 407:
        return TaskError(
            f"the proxy before {provider} wants a user and password{said}",
            category=Category.CONFIG,
            hint=_PROXY_USER,
        )
    if status == 429:
        return TaskError(
            f"{provider} has had too many requests{said}", category=Category.RATE_LIMIT, retry_after=wait, usage=usage
        )
    if is_too_long(text, code):
        return TaskError(
            f"the request is too long for {model!r} of {provider}: {text}",
            category=Category.VALIDATION,
            code=codes.CONTEXT_TOO_LONG,
            hint="shorten the prompt, use a model that holds more, or set `overflow: summarize` in the agent block",
        )
    if _BLIND.search(text):
        return TaskError(
            f"the model {model!r} of {provider} takes no images{said}",
            category=Category.CONFIG,
            code=codes.MODEL_CANNOT,
            hint="use a model that can see, or attach something else",
        )
    if status == 404 and model is not None and ("model" in f"{text} {code}".lower() or model in text):
        return TaskError(
            f"{provider} has no model {model!r}{said}",
            category=Category.CONFIG,
            hint="fix `model`; `nika providers --check` lists the models",
        )
    if status in (404, 405) or 300 <= status < 400:
        location = clean((headers.get("location") or "").partition("?")[0], secrets)
        place = f"; it is at {location}" if location else ""
        return TaskError(
            f"{provider} has nothing at this address{f', {address}' if address else ''}{said}{place}",
            category=Category.CONFIG,
            hint="check that the address is that of a model server, its path included, and that this account made what "
            "is asked for",
        )
    if status == 408:
        return TaskError(f"{provider} gave up waiting{said}", category=Category.TIMEOUT, usage=usage)
    if status >= 500 or status in (409, 425):
        return TaskError(f"{provider} failed{said}", category=Category.PROVIDER, retry_after=wait, usage=usage)
    return TaskError(
        f"{provider} refuses the request{said}",
        category=Category.VALIDATION,
        code=codes.PROVIDER_FAILED,
        hint="the model or the server cannot do what the task asks for",
    )


def transport_error(
    provider: str,
    error: BaseException,
    *,
    address: str = "",
    shown: bool = False,
    usage: Usage | None = None,
    secrets: Sequence[str] = (),
) -> TaskError | None:
    """Return the error for a failed connection, a timeout or a broken stream, or None if `error` is none of these.

    Args:
        shown: whether a part of the answer has been shown already: another attempt would show it twice, and
            is not made.
        secrets: values that must not be shown.
    """
    names = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    where = f" at {address}" if address else ""
    retriable = None if not shown else False
    reason = clean(_reason(error), secrets)
    if names & {"SSLError", "SSLCertVerificationError"} or "SSL:" in reason:
        return TaskError(
            f"{provider} cannot be reached{where}: {reason}",
            category=Category.NETWORK,
            usage=NOTHING,
            retriable=False,
            hint="SSL_CERT_FILE names the authorities to trust; a server without TLS has an address with http://",
        )
    if "ProxyError" in names and reason.startswith("407"):
        return TaskError(
            f"the proxy before {provider}{where} wants a user and password: {reason}",
            category=Category.CONFIG,
            usage=NOTHING,
            hint=_PROXY_USER,
        )
    if names & {"LocalProtocolError", "InvalidURL", "UnsupportedProtocol", "UnicodeEncodeError"}:
        return TaskError(
            f"no request can be sent to {provider}{where}: {reason}",
            category=Category.CONFIG,
            usage=NOTHING,
            hint="check the address, the key and the proxy in the environment",
        )
    if names & {"TimeoutException", "APITimeoutError", "TimeoutError"}:
        return TaskError(
            f"{provider}{where} did not answer in time",
            category=Category.TIMEOUT,
            usage=NOTHING if names & {"ConnectTimeout", "PoolTimeout"} else usage,
            retriable=retriable,
        )
    if names & {"ConnectError", "ProxyError", "ConnectionRefusedError", "gaierror"}:
        return TaskError(
            f"{provider} cannot be reached{where}: {reason}",
            category=Category.NETWORK,
            usage=NOTHING,
            hint="check that the server runs and that its address, and the proxy in the environment, are right",
        )
    if names & {"DecodingError", "JSONDecodeError", "UnicodeDecodeError"}:
        return TaskError(
            f"{provider}{where} sent an answer that cannot be read: {reason}",
            category=Category.PROVIDER,
            usage=usage,
            retriable=False,
            hint="check that the address is that of a model server, and what a proxy before it does to answers",
        )
    if names & {"TransportError", "HTTPError", "APIConnectionError", "ConnectionError", "StreamError"}:
        return TaskError(
            f"the connection to {provider}{where} broke: {reason}",
            category=Category.NETWORK,
            usage=usage,
            retriable=retriable,
        )
    return None


def unreadable_error(
    provider: str,
    error: UnreadableReplyError,
    *,
    kind: str = "",
    wanted: str = "a stream of JSON",
    usage: Usage | None = None,
    secrets: Sequence[str] = (),
) -> TaskError:
    """Return the error for an answer that is not a stream of events, which is not asked for, and paid, again; or for a
    part of one that is not JSON.

    Args:
        kind: the content type that the server gave.
        wanted: what the whole of it was to be.
    """
    said = clean(read_error_body(error.data).message, secrets)
    what = f"an answer that is not {wanted}" if error.first else "a part of the stream that is not JSON"
    return TaskError(
        f"{provider} sent {what}{f' ({clean(kind)})' if kind else ''}: {said}",
        category=Category.PROVIDER,
        usage=usage,
        retriable=False if error.first else None,
        hint="check that the address is that of a model server, its path included",
    )


def truncated_error(provider: str, *, usage: Usage | None = None, said: str = "") -> TaskError:
    """Return the error for a stream that ended too early: what was shown of it is not an answer, so it is retried.

    Args:
        said: what there is in place of an answer.
    """
    return TaskError(
        f"the stream from {provider} ended before the answer did, without a reason for its end{said and f': {said}'}",
        category=Category.NETWORK,
        usage=usage,
        hint="run it again, or resume the run",
    )


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        inner = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else None
        cause = inner or cause.__cause__ or cause.__context__
    return chain


def _reason(error: BaseException) -> str:
    """Return the innermost message that is not empty, or the system's own for an error number."""
    texts = [_text(link) for link in _chain(error) if not isinstance(link, asyncio.CancelledError)]
    said = next((text for text in reversed(texts) if text), type(error).__name__)
    return re.sub(r"bytearray\(b(.*)\)", r"\1", said)  # h11's way to show what a server sent


def _text(error: BaseException) -> str:
    system = isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and not hasattr(error, "verify_code")
    if isinstance(error, OSError) and system and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return (error.strerror if isinstance(error, OSError) and system else None) or str(error)
