"""A text of v4 -> the text of v5, or why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from nika_command_migrate import grammar, values
from nika_command_migrate.anchors import written_out
from nika_command_migrate.findings import MigrationContext, find_notes, leftovers
from nika_command_migrate.meaning import comments, meaning
from nika_command_migrate.notes import Note, note_at
from nika_command_migrate.nulls import without_nulls
from nika_command_migrate.parts import CannotError
from nika_command_migrate.source import Source, apply
from nika_command_migrate.structure import restructured
from nika_command_migrate.tree import Document, NotYamlError, parse
from nika_core import Severity

_BOM: Final = "\ufeff"
_BY_HAND: Final = "change it by hand; in a text, put a space between a template and what stands right before it"


class Status(StrEnum):
    """What became of a file."""

    MIGRATED = "migrated"
    UNCHANGED = "unchanged"  # it is v5 already, or nothing in it needs to change
    NOT_OURS = "not_ours"
    LATER_LINEAGE = "later_lineage"
    UNREADABLE = "unreadable"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True)
class Migration:
    """`text` is the new text when `status` is migrated, else the old one."""

    status: Status
    text: str
    notes: tuple[Note, ...] = ()

    @property
    def errors(self) -> tuple[Note, ...]:
        """What v5 refuses until it is fixed."""
        return tuple(note for note in self.notes if note.severity is Severity.ERROR)


def migrate_text(text: str, path: str | Path = "", surroundings: MigrationContext | None = None) -> Migration:
    """Turn a workflow's text into one of v5. Never raises for what is in the text.

    What the new text means is held against what the old one meant; where they differ there is no new text.

    Args:
        path: only for messages.
    """
    mark, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    try:
        document = parse(body)
    except NotYamlError as error:
        return Migration(
            Status.UNREADABLE, text, (_note(Source(body), error.offset, error.message, "fix the YAML first"),)
        )
    whose = grammar.lineage(document.root)
    if document.root is None or whose is grammar.Lineage.OTHER:
        return Migration(Status.NOT_OURS, text)
    if whose is grammar.Lineage.LATER:
        return Migration(Status.LATER_LINEAGE, text)
    found = find_notes(document, surroundings or MigrationContext())
    if not (grammar.is_v4(document.root) or document.anchors or document.aliases):
        found = leftovers(document) if grammar.is_v5(document.root) else found
        return Migration(Status.UNCHANGED, text, _errors(found))
    if document.flaws:
        flaws = [
            _note(document.source, flaw.offset, f"strict YAML has no such thing: {flaw.message}", flaw.hint)
            for flaw in document.flaws
        ]
        return Migration(Status.CANNOT, text, _sorted([*flaws, *found]))
    new, reason = _new_text(document)
    if new is None:
        return Migration(Status.CANNOT, text, _sorted([*([reason] if reason else []), *found]))
    if new == body:
        return Migration(Status.UNCHANGED, text, _sorted(found))
    return Migration(Status.MIGRATED, mark + new, _sorted(found))


def _new_text(document: Document) -> tuple[str | None, Note | None]:
    plain = written_out(document)
    if plain.aliases:
        alias = plain.aliases[0]
        return None, _note(
            document.source,
            document.aliases[0].start,
            f"*{alias.name} cannot be written out here, and strict YAML has no aliases",
            f"write in its place what &{alias.name} stands for",
        )
    stage: Callable[[Document], Document]
    new = plain
    try:
        for stage in (without_nulls, _with_values, restructured):
            new = stage(new)
    except CannotError as error:
        return None, _note(plain.source, error.offset, error.message, error.hint)
    except NotYamlError as error:
        return None, _note(
            document.source, 0, f"the new text would be no YAML: {error.message}", "write the file in a simpler style"
        )
    return _compared(document, new)


def _with_values(document: Document) -> Document:
    edits = values.value_edits(document)
    return parse(apply(document.source.text, edits)) if edits else document


def _compared(document: Document, new: Document) -> tuple[str | None, Note | None]:
    """Return the new text, if it means the same and has every comment."""
    assert document.root is not None
    names = values.names_of(document.root)
    reads = grammar.read_as_v4(document.root)
    before, after = meaning(document, reads, names), meaning(new, [False] * len(reads), names)
    if before != after:
        line, what = _difference(document, before, after)
        message = f"{what} cannot be written in v5 so that it means the same"
        return None, Note(line, 1, Severity.ERROR, message, _BY_HAND)
    for task, now in zip(grammar.tasks_of(document.root), grammar.tasks_of(new.root or document.root), strict=True):
        if grammar.is_v4_task(now):
            message = "the task has no keyword, or several"
            return None, _note(document.source, task.start, message, "give it exactly one")
    if comments(document) - comments(new):
        return None, Note(1, 1, Severity.ERROR, "a comment would be lost", "put it on a line of its own")
    return new.source.text, None


def _difference(document: Document, before: dict[str, object], after: dict[str, object]) -> tuple[int, str]:
    """Return the line of what differs first, and its name."""
    assert document.root is not None
    old, new = before.get("tasks"), after.get("tasks")
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        items = document.root.get("tasks")
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            if one != other and items is not None:
                item = items.items[index]
                name = item.get("id")
                keys = [key for key in one if one.get(key) != other.get(key)]
                inner = [
                    key for key in one.get("payload", ()) if one["payload"][key] != other.get("payload", {}).get(key)
                ]
                where = inner[0] if keys == ["payload"] and inner else (keys or ["it"])[0]
                return document.source.line_of(item.start) + 1, f"'{where}' of task '{name.value if name else index}'"
    key = next((key for key in before if before.get(key) != after.get(key)), "the file")
    pair = document.root.pair(str(key))
    return (document.source.line_of(pair[0].start) + 1 if pair else 1), f"'{key}'"


def _note(source: Source, offset: int, message: str, hint: str) -> Note:
    return note_at(source, offset, Severity.ERROR, message, hint)


def _errors(notes: Iterable[Note]) -> tuple[Note, ...]:
    return _sorted(note for note in notes if note.severity is Severity.ERROR)


def _sorted(notes: Iterable[Note]) -> tuple[Note, ...]:
    return tuple(sorted(notes, key=lambda note: (note.line, note.column)))
