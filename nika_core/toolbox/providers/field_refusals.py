"""Which fields of a request a server does not take, as it has said itself."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, Final

from nika_core.toolbox.providers.error_body import ErrorBody
from nika_core.toolbox.providers.failures import Headers
from nika_core.values import dataclass, field

_STATUSES: Final = (400, 404, 415, 422, 500, 501)  # with which servers refuse a field of a request
_MESSAGE_FIELDS: Final = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "tool_name", "id", "type", "function"}
)


@dataclass(frozen=True, slots=True)
class ServerError:
    """What an exception of an SDK says about an answer that is an error.

    Attributes:
        message: what the server says.
        status: the HTTP status; None if there is none.
        code: the server's own word for the error.
        headers: the answer's headers.
    """

    message: str
    status: int | None = None
    code: str | None = None
    headers: Headers = field(default_factory=dict[str, str])


class RefusedAnswerError(Exception):
    """A response is an error: the cause of the TaskError for it."""

    def __init__(self, details: ServerError) -> None:
        super().__init__(details.message)
        self.details = details


class FieldRefusals:
    """Remembers by model what its server has refused, for the rest of a run."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._fields: dict[str | None, frozenset[str]] = {}
        self._notices: list[str] = []

    def fields(self, model: str | None) -> frozenset[str]:
        """Return what is left out for a model."""
        return self._fields.get(model, frozenset())

    def add_notice(self, message: str) -> None:
        """Add what the user is told with the next reply."""
        self._notices.append(message)

    def take_notices(self) -> list[str]:
        """Return what the user has not been told yet."""
        taken, self._notices = self._notices, []
        return taken

    def learn(
        self,
        model: str | None,
        known: Container[str],
        body: Mapping[str, Any],
        error: ServerError,
        optional: Mapping[str, str],
        named: Container[str] = (),
    ) -> bool:
        """Return whether the error refuses a field of the body that may be left out, and leave it out from now on.

        Args:
            known: what was left out already: it is not left out again.
            optional: what may be left out beside a vendor's state, to what the user is told then.
            named: fields that are left out as soon as an error names them.
        """
        if error.status not in _STATUSES:
            return False
        names = [*(name for name in optional if name in body), *_state_fields(body)]
        name = ErrorBody(error.message, error.code).refuses(names, [each for each in names if each in named])
        if name is None or name in known:
            return False
        if name not in self.fields(model):
            self._fields[model] = self.fields(model) | {name}
            lost = optional.get(name, "what came with the model's earlier replies is not sent back")
            self._notices.append(f"{self._provider} does not take `{name}` for {model!r}: {lost}")
        return True


def _state_fields(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of what a vendor sent with its earlier replies and is sent back."""
    for message in body.get("messages", ()):
        for part in (message, *(message.get("tool_calls") or ())):
            yield from part.keys() - _MESSAGE_FIELDS
