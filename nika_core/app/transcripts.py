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
    """

    def __init__(self, where: _Where) -> None:
        self.where = where
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
        content = message.get("content")
        if message.get("role") == "tool":
            parts = content if isinstance(content, list) else ()
            given = [part.get("text") for part in parts if isinstance(part, Mapping)]
            if given and all(text in self.results for text in given):
                for text in given:
                    self.results.remove(text)
                return  # it was shown when the tool gave it
        self.turns.append({"role": message.get("role", ""), "at": at, "content": content})


def drafts(events: Iterable[Event], task: str | None = None) -> list[Draft]:
    """Return the conversations that events tell of."""
    found: list[Draft] = []
    begun: dict[_Where, list[Draft]] = {}  # the latest first
    calls: dict[tuple[str, int], tuple[Draft, int]] = {}
    waiting: dict[tuple[str, int], Event] = {}
    for event in events:
        if event.task is None or not (task is None or _is_inside(event.task, task)):
            continue
        data, where = event.data, (event.task, tuple(map(str, event.data.get("within", ()))))
        if event.kind == EventKind.MODEL_ASKED:
            before = calls.get((event.task, data.get("after", 0)))
            draft, place = (before[0], data["kept"]) if before else (_again(begun.get(where, ()), data), 0)
            if draft is None:
                draft = Draft(where)
                found.append(draft)
            of_task = begun.setdefault(where, [])
            if not of_task or of_task[0] is not draft:
                begun[where] = [draft, *(other for other in of_task if other is not draft)]
            if "system" in data and data["system"] != draft.system:
                draft.system = data["system"]
                draft.turns.append({"role": "system", "at": event.at, "content": draft.system})
            calls[event.task, data["call"]] = draft, draft.tell(place, data["messages"], event.at)
            waiting[event.task, data["call"]] = event
        elif event.kind == EventKind.MODEL_CALLED and (event.task, data.get("call")) in calls:
            waiting.pop((event.task, data["call"]), None)
            draft, place = calls[event.task, data["call"]]
            message = {"role": "assistant", "content": data.get("reply", [])}
            shown = len(draft.turns)
            calls[event.task, data["call"]] = draft, draft.tell(place, [message], event.at)
            if len(draft.turns) > shown:
                about = {key: data[key] for key in ("model", "usage", "durationMs", "insteadOf") if key in data}
                draft.turns[-1] |= about
        elif event.kind == EventKind.TOOL_CALLED and where in begun:
            _tool(begun[where][0], event)
    for call, event in waiting.items():
        calls[call][0].turns.append({"role": "assistant", "at": event.at, "unanswered": True})
    return found


def _again(found: Iterable[Draft], data: Mapping[str, Any]) -> Draft | None:
    """Return the conversation that a request begins again, as in another attempt or in a resumed run."""
    messages = list(data["messages"])
    for draft in found:
        if draft.system == data.get("system", "") and draft.messages[: len(messages)] == messages:
            return draft
    return None


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
