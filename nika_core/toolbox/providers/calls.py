"""Tool calls, put together from the pieces in which servers send them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nika_core.model.message import ToolCall
from nika_core.toolbox.providers.events import whole_text
from nika_core.toolbox.providers.values import merged, parsed_call
from nika_core.values import dataclass, field

_ARGUMENTS: Final = ("arguments", "input", "parameters")
_KNOWN: Final = frozenset({"index", "id", "type", "function", "name", *_ARGUMENTS})


@dataclass(slots=True)
class _Call:
    index: object
    id: str
    name: str = ""
    arguments: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> bool | None:
        """Whether its arguments are JSON with something in it; None if nothing, or only a placeholder, has come."""
        if self.arguments in ("", "{}"):
            return None
        try:
            return isinstance(json.loads(self.arguments), dict)
        except (ValueError, RecursionError):
            return False


class CallAssembler:
    """Collects the tool calls of one reply.

    Pieces belong together by their id; by their index if they have no id, or if the id changes in the middle of the
    arguments; else to the call before them. An index that is used again with another id begins another call.

    Args:
        turn: how many messages came before: calls without ids of their own get ids that no other turn has.
    """

    def __init__(self, turn: int = 0) -> None:
        self._turn = turn
        self._calls: list[_Call] = []

    def add(self, piece: Mapping[str, Any]) -> None:
        """Take a call or a piece of one: `id`, `index`, and, in `function` or not, `name` and `arguments` (or `input`,
        or `parameters`).

        Arguments are text or an object; other fields are kept for `extras`.
        """
        function = piece.get("function")
        if isinstance(function, str):  # only its name
            piece = {"name": function, **{key: value for key, value in piece.items() if key != "function"}}
        if not isinstance(function, Mapping):
            function = piece
        name = function.get("name")
        name = name if isinstance(name, str) else ""
        given = next((function[key] for key in _ARGUMENTS if key in function), None)
        call = self._call_of(piece, name, given)
        if name != call.name:
            call.name = name if name.startswith(call.name) else call.name + name
        if isinstance(given, str):
            begun = call.arguments and given.lstrip().startswith("{" if call.arguments == "{}" else call.arguments)
            call.arguments = given if begun and len(call.arguments) > 1 else call.arguments + given
        elif given:
            call.arguments = json.dumps(given, ensure_ascii=False)
        elif isinstance(given, Mapping) and not call.arguments:
            call.arguments = "{}"
        extra: dict[str, Any] = {key: value for key, value in piece.items() if key not in _KNOWN}
        if function is not piece:
            inner = {key: value for key, value in function.items() if key not in ("name", "index", *_ARGUMENTS)}
            extra |= {"function": inner} if inner else {}
        if extra:
            call.extra = merged(call.extra, extra)

    def calls(self) -> tuple[ToolCall, ...]:
        """Return the calls in the order in which they began."""
        return tuple(
            parsed_call(call_id, call.name, whole_text(call.arguments))
            for call_id, call in zip(self._ids(), self._calls, strict=True)
        )

    def extras(self) -> dict[str, Any]:
        """Return by the ids of calls what else the server sent with them."""
        return {call_id: call.extra for call_id, call in zip(self._ids(), self._calls, strict=True) if call.extra}

    def _ids(self) -> list[str]:
        found: dict[str, None] = {}
        for number, call in enumerate(self._calls):
            call_id = call.id or f"call_{self._turn}_{number}"
            found[f"{call_id}_{number}" if call_id in found else call_id] = None
        return list(found)

    def _call_of(self, piece: Mapping[str, Any], name: str, given: object) -> _Call:
        call_id, index, function = piece.get("id"), piece.get("index"), piece.get("function")
        if index is None and isinstance(function, Mapping):
            index = function.get("index")
        call_id = str(call_id) if call_id not in (None, "") else ""
        known = self._known(call_id, index, name, given)
        if known is None:
            known = _Call(index, call_id)
            self._calls.append(known)
        known.id = known.id or call_id
        return known

    def _known(self, call_id: str, index: object, name: str, given: object) -> _Call | None:
        last = self._calls[-1] if self._calls else None
        by_id = self._last("id", call_id) if call_id else None
        if by_id is not None:
            other = index is not None and by_id.index is not None and index != by_id.index
            return None if name and (other or (by_id.whole and given not in (None, "", by_id.arguments))) else by_id
        by_index = self._last("index", index) if index is not None else None
        before = last if index is None else by_index
        if before is None:  # a piece without a name, after one without an index
            return last if last is not None and last.index is None and not name and not call_id else None
        if call_id and before.id:  # another id: another call, unless this is in the middle of its arguments
            same = not name or (name == before.name and before.whole is False)
            return before if same else None
        other_name = before.name != name and (index is None or before.arguments)
        return None if name and (before.whole or other_name) else before

    def _last(self, attribute: str, value: object) -> _Call | None:
        return next((call for call in reversed(self._calls) if getattr(call, attribute) == value), None)
