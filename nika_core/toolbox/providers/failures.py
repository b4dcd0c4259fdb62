"""What goes wrong on the way to a model, as the errors that the kernel knows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.usage import Usage

_MESSAGE: Final = 500  # characters of what a server says
_TOO_LONG: Final = re.compile(
    r"context.?length|context.?window|maximum context|context size|prompt is too long|too many (input )?tokens"
    r"|exceeds? the (available|model).{0,30}context|input is too long",
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
            message = message.replace(secret, "***")
    message = " ".join("".join(char if char.isprintable() else " " for char in message).split())
    return message if len(message) <= _MESSAGE else message[: _MESSAGE - 1] + "…"


def retry_after_of(headers: Headers) -> float | None:
    """Return the seconds that the server asks to wait: `Retry-After` (seconds or a date), or `retry-after-ms`."""
    milliseconds = headers.get("retry-after-ms")
    value = headers.get("retry-after")
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        if value:
            return max(0.0, float(value))
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
    return code == "context_length_exceeded" or _TOO_LONG.search(message) is not None


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
) -> TaskError:
    """Return the error for an HTTP status.

    Args:
        message: what the server says; not shown for a refused key, since some servers repeat (a part of) it.
        code: the server's own word for the error, if it has one.
        key_variable: the environment variable that has the key.
        secrets: values that must not be shown.
    """
    text = clean(message, secrets)
    wait = retry_after_of(headers)
    if status in (401, 403):
        variable = f" in {key_variable}" if key_variable else ""
        return TaskError(
            f"{provider} refuses the key{variable} (HTTP {status})",
            category=Category.CONFIG,
            hint="set a key that is valid there and may use this model; `nika providers --check` tries it",
        )
    if status == 402 or code in ("insufficient_quota", "billing_error"):
        return TaskError(
            f"{provider} says that the account's credit or quota is used up (HTTP {status}): {text}",
            category=Category.CONFIG,
            hint="see the billing page of the account",
        )
    if status == 404 and model is None:
        return TaskError(
            f"{provider} has nothing at this address (HTTP 404): {text}",
            category=Category.CONFIG,
            hint="check that the address is that of a model server, and that this account made what is asked for",
        )
    if status == 404:
        return TaskError(
            f"{provider} has no model {model!r} (HTTP 404): {text}",
            category=Category.CONFIG,
            hint="fix `model`; `nika providers --check` lists the models",
        )
    if status == 429:
        return TaskError(
            f"{provider} has had too many requests (HTTP 429): {text}",
            category=Category.RATE_LIMIT,
            retry_after=wait,
            usage=usage,
        )
    if status in (400, 413, 422) and is_too_long(text, code):
        return TaskError(
            f"the request is too long for {model!r} of {provider}: {text}",
            category=Category.VALIDATION,
            code=codes.CONTEXT_TOO_LONG,
            hint="shorten the prompt, use a model that holds more, or set `overflow: summarize` in the agent block",
        )
    if status == 408:
        return TaskError(f"{provider} gave up waiting (HTTP 408): {text}", category=Category.TIMEOUT, usage=usage)
    if status >= 500 or status in (409, 425):
        return TaskError(
            f"{provider} failed (HTTP {status}): {text}", category=Category.PROVIDER, retry_after=wait, usage=usage
        )
    return TaskError(
        f"{provider} refuses the request (HTTP {status}): {text}",
        category=Category.VALIDATION,
        code=codes.PROVIDER_FAILED,
        hint="the model or the server cannot do what the task asks for",
    )


def transport_error(
    provider: str, error: BaseException, *, address: str = "", shown: bool = False, usage: Usage | None = None
) -> TaskError | None:
    """Return the error for a failed connection, a timeout or a broken stream, or None if `error` is none of these.

    Args:
        shown: whether a part of the answer has been shown already: another attempt would show it twice, and
            is not made.
    """
    names = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    where = f" at {address}" if address else ""
    retriable = None if not shown else False
    if names & {"TimeoutException", "APITimeoutError", "TimeoutError"}:
        return TaskError(
            f"{provider}{where} did not answer in time",
            category=Category.TIMEOUT,
            usage=usage,
            retriable=retriable,
        )
    if names & {"ConnectError", "ConnectionRefusedError", "gaierror"}:
        return TaskError(
            f"{provider} cannot be reached{where}: {_reason(error)}",
            category=Category.NETWORK,
            hint="check that the server runs and that its address is right",
        )
    if names & {"TransportError", "HTTPError", "APIConnectionError", "ConnectionError", "StreamError"}:
        return TaskError(
            f"the connection to {provider}{where} broke: {_reason(error)}",
            category=Category.NETWORK,
            usage=usage,
            retriable=retriable,
        )
    if names & {"JSONDecodeError", "UnicodeDecodeError"}:
        return TaskError(
            f"{provider}{where} sent an answer that is not JSON",
            category=Category.PROVIDER,
            usage=usage,
            retriable=retriable,
            hint="check that the address is that of a model server",
        )
    return None


def truncated_error(provider: str, *, usage: Usage | None = None) -> TaskError:
    """Return the error for a stream that ended too early: what was shown of it is not an answer, so it is retried."""
    return TaskError(
        f"the stream from {provider} ended before the answer did",
        category=Category.NETWORK,
        usage=usage,
        hint="run it again, or resume the run",
    )


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain


def _reason(error: BaseException) -> str:
    """Return the innermost message that is not empty, or the system's own for an error number."""
    texts = [
        os.strerror(link.errno) if isinstance(link, OSError) and link.errno and link.errno > 0 else clean(str(link))
        for link in _chain(error)
    ]
    return next((text for text in reversed(texts) if text), type(error).__name__)
