"""The conversations of a run with models, read from its events and the texts that its history keeps beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nika_core.app.results import Transcript, Turn
from nika_core.journal import Journal
from nika_core.journal.pieces import RunPieces
from nika_core.journal.texts import Name, kept_names, put_back
from nika_core.model.codec import usage_of
from nika_core.model.events import Event, EventKind
from nika_core.model.usage import NOTHING

_PATH_MARKS: Final = ("[", "@", "/")  # begin what is inside a task
_Where = tuple[str, tuple[str, ...]]  # a task, and the tools by way of which it asks


def conversations(journal: Journal, run: str, task: str | None = None) -> tuple[Transcript, ...]:
    """Return the conversations of a run, or of one task and what is inside it, in the order in which they began.

    Raise JournalError.
    """
    recorded = journal.load(run, large=False)
    with journal.damage_told(recorded.run.id):
        found = drafts(recorded.events, task)
        names = [name for draft in found for turn in draft.turns for name in kept_names(turn)]
        texts = RunPieces(journal, recorded.run.id).kept(names) if names else {}
        return tuple(_conversation(draft, texts) for draft in found)


class Draft:
    """A conversation as it is put together: its turns are JSON, with names in place of long texts.

    Attributes:
        messages: what the model was told, or said, so far: what a request goes on from is a number of these.
        wanted: whether it is asked for; another one may go on from it, and needs only its messages.
    """

    def __init__(self, where: _Where, *, wanted: bool = True) -> None:
        self.where = where
        self.wanted = wanted
        self.system: Any = ""
        self.messages: list[Any] = []
        self.turns: list[dict[str, Any]] = []
        self.results: list[Any] = []  # that tools gave, and that the model has not been told yet

    def tell(self, place: int, messages: Iterable[Any], at: float) -> int:
        """Put messages at a place, unless they are there (a resumed run begins again); return where they end."""
        for message in messages:
            if place < len(self.messages) and self.messages[place] != message:
                del self.messages[place:]
                self.turns.append({"role": "restart", "at": at, "kept": place})
            if place == len(self.messages):
                self.messages.append(message)
                self._show(message, at)
            place += 1
        return place

    def _show(self, message: Mapping[str, Any], at: float) -> None:
        if not self.wanted:
            return
        content = message.get("content")
        if message.get("role") == "tool":
            parts = content if isinstance(content, list) else ()
            given = [part.get("text") for part in parts if isinstance(part, Mapping)]
            if given and all(text in self.results for text in given):
                for text in given:
                    self.results.remove(text)
                return  # it was shown when the tool gave it
        self.turns.append({"role": message.get("role", ""), "at": at, "content": content})


class _Reader:
    """Puts conversations together from events, in their order. `task`: those that are wanted; None: all."""

    def __init__(self, task: str | None) -> None:
        self.found: list[Draft] = []
        self._task = task
        self._begun: dict[_Where, list[Draft]] = {}  # the latest first
        self._calls: dict[tuple[str, int], tuple[Draft, int]] = {}
        self._waiting: dict[tuple[str, int], Event] = {}

    def asked(self, event: Event, where: _Where) -> None:
        """Read a request to a model."""
        data, (task, _) = event.data, where
        before = self._calls.get((data.get("afterTask", task), data.get("after", 0)))
        messages, system, place = data["messages"], data.get("system", ""), 0
        if before is not None and "afterTask" not in data:
            draft, place = before[0], data["kept"]
            system = data.get("system", draft.system)
        else:
            if before is not None:
                messages = [*before[0].messages[: data["kept"]], *messages]
                system = data.get("system", before[0].system)
            draft = self._draft(where, messages, system)
        of_task = self._begun.setdefault(where, [])
        if not of_task or of_task[0] is not draft:
            self._begun[where] = [draft, *(other for other in of_task if other is not draft)]
        if system != draft.system:
            draft.system = system
            draft.turns.append({"role": "system", "at": event.at, "content": system})
        self._calls[task, data["call"]] = draft, draft.tell(place, messages, event.at)
        self._waiting[task, data["call"]] = event

    def answered(self, event: Event, task: str) -> None:
        """Read the reply to a request."""
        data = event.data
        if (task, data.get("call")) not in self._calls:
            return
        self._waiting.pop((task, data["call"]), None)
        draft, place = self._calls[task, data["call"]]
        message = {"role": "assistant", "content": data.get("reply", [])}
        shown = len(draft.turns)
        self._calls[task, data["call"]] = draft, draft.tell(place, [message], event.at)
        if len(draft.turns) > shown:
            about = {key: data[key] for key in ("model", "usage", "durationMs", "insteadOf") if key in data}
            draft.turns[-1] |= about

    def tool_called(self, event: Event, where: _Where) -> None:
        """Read a call of a tool."""
        if where in self._begun and self._begun[where][0].wanted:
            _tool(self._begun[where][0], event)

    def end(self) -> None:
        """Show which requests were not answered."""
        for call, event in self._waiting.items():
            self._calls[call][0].turns.append({"role": "assistant", "at": event.at, "unanswered": True})

    def _draft(self, where: _Where, messages: list[Any], system: Any) -> Draft:
        """Return the conversation that a request begins again, as in another attempt or a resumed run, or a new one."""
        for draft in self._begun.get(where, ()):
            if draft.system == system and draft.messages[: len(messages)] == messages:
                return draft
        draft = Draft(where, wanted=self._task is None or _is_inside(where[0], self._task))
        if draft.wanted:
            self.found.append(draft)
        return draft


def drafts(events: Iterable[Event], task: str | None = None) -> list[Draft]:
    """Return the conversations that events tell of, or those of one task and what is inside it."""
    reader = _Reader(task)
    for event in events:
        if event.task is None:
            continue
        where = event.task, tuple(map(str, event.data.get("within", ())))
        if event.kind == EventKind.MODEL_ASKED:
            reader.asked(event, where)
        elif event.kind == EventKind.MODEL_CALLED:
            reader.answered(event, event.task)
        elif event.kind == EventKind.TOOL_CALLED:
            reader.tool_called(event, where)
    reader.end()
    return reader.found


def _tool(draft: Draft, event: Event) -> None:
    data = event.data
    turn = {"role": "tool", "tool": data.get("tool", ""), "arguments": data.get("arguments")}
    turn |= {"content": data.get("content", data.get("message", "")), "isError": bool(data.get("isError"))}
    if data.get("reused") and any(turn.items() <= earlier.items() for earlier in draft.turns):
        return
    if "content" in data:
        draft.results.append(data["content"])
    draft.turns.append({**turn, "at": event.at, "durationMs": data.get("durationMs")})


def _is_inside(node: str, task: str) -> bool:
    return node == task or (node.startswith(task) and node[len(task)] in _PATH_MARKS)


def _conversation(draft: Draft, texts: Mapping[Name, Any]) -> Transcript:
    task, within = draft.where
    return Transcript(task=task, within=within, turns=tuple(_turn(put_back(turn, texts)) for turn in draft.turns))


def _turn(found: Mapping[str, Any]) -> Turn:
    content = found.get("content", "")
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    text = content if isinstance(content, str) else "\n".join(str(part["text"]) for part in parts if "text" in part)
    calls = tuple(
        {"id": part.get("id", ""), "name": part.get("name", ""), "arguments": part.get("arguments", part.get("raw"))}
        for part in parts
        if part.get("type") == "toolCall"
    )
    files = tuple(str(part.get("name") or part["mediaType"]) for part in parts if "mediaType" in part)
    return Turn(
        role=str(found["role"]),
        at=float(found["at"]),
        text=text,
        tool_calls=calls,
        files=files,
        tool=str(found.get("tool", "")),
        arguments=found.get("arguments"),
        is_error=bool(found.get("isError")) or any(part.get("isError") for part in parts),
        model=str(found.get("model", "")),
        instead_of=tuple(map(str, found.get("insteadOf", ()))),
        usage=usage_of(found["usage"]) if "usage" in found else NOTHING,
        duration_ms=found.get("durationMs"),
        answered=not found.get("unanswered"),
        kept=int(found.get("kept", 0)),
    )
