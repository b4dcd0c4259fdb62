"""What is to be said about templates, shell commands and numbers in the texts of a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nika_command_migrate import grammar, scalars, templates, values
from nika_command_migrate.notes import Note, note_at
from nika_command_migrate.shell_places import unsafe_place
from nika_command_migrate.source import Source
from nika_command_migrate.tree import Node
from nika_core import Severity
from nika_core.toolbox.templates import Template, TemplateSyntaxError, compile_template, nearest

_FEW: Final = 200  # tasks; with more of them, guessing for every unknown name would take long


def task_text_notes(source: Source, task: Node, old: bool, names: templates.TaskNames) -> Iterator[Note]:
    """Yield notes about all texts of a task's payload. `old`: whether they mean what they meant in v4."""
    word = grammar.keyword_of(task)
    known = values.known_to(task, names)
    for name, _, value in values.payload_of(task):
        for node in values.scalars_in(value):
            if not old:
                yield from _v5_template_notes(source, node, known)
                continue
            if values.is_tree(word or "", name):
                yield from _number(source, node)
            yield from v4_template_notes(source, node, known)
        if old and word == "shell" and name == "command" and value.kind == "scalar":
            yield from _command(source, value, known)


def v4_template_notes(source: Source, node: Node, known: templates.TaskNames) -> Iterator[Note]:
    """Yield what v4 left in a text, and what becomes of it."""

    def warning(opening: templates.Opening, message: str, hint: str) -> Note:
        offset = templates.offset_of(source, node, opening.start) or node.start
        return note_at(source, offset, Severity.WARNING, message, hint)

    for opening in templates.openings(node.value, known):
        text = opening.text
        if opening.ref is not None and opening.ref.default:
            yield warning(
                opening,
                f"'{opening.ref.path[0]}' may fail (onError: continue), and then has no output: {text} is"
                f" {opening.with_default} in v5",
                "write another default if an empty text does not fit",
            )
        if opening.kind == "loose":
            yield warning(
                opening,
                f"v4 left {text} in the text (it knew no spaces and one field only); v5 puts a value there",
                f"if the characters themselves are meant, write \\{text}",
            )
        elif opening.kind == "unknown" and text.startswith("{{"):
            yield warning(
                opening,
                f"{text} names no other task: v4 left it in the text, and so does \\{text} in v5",
                _which(text, known, "if a task is meant, name it and take the \\ away"),
            )
        elif opening.kind == "unknown":
            yield warning(
                opening,
                f"v4 knew no source for {text} and left it in the text, and so does \\{text} in v5",
                "if a value is meant, use ${input.name} or ${env.NAME}",
            )
        elif text == "{{":
            yield warning(
                opening,
                "'{{' is not a template here; v5 has \\{{ for the characters",
                "take the \\ away if a template is meant",
            )


def _which(text: str, known: templates.TaskNames, otherwise: str) -> str:
    like = nearest(text.strip("{} ").split(".")[0], known) if len(known) <= _FEW else None
    return f"did you mean {{{{{like}}}}}? then write that" if like else otherwise


def _v5_template_notes(source: Source, node: Node, known: templates.TaskNames) -> Iterator[Note]:
    """Yield what v5 refuses in a text that may be v4's, where nothing else in the file is v4's alone."""
    try:
        compiled = compile_template(node.value)
    except TemplateSyntaxError as error:
        for each in (error, *error.further):
            offset = _at(source, node, each.offset)
            message = f"v4 left this in the text, v5 refuses it: {each.message}"
            yield note_at(source, offset, Severity.ERROR, message, each.hint or "write \\{{ for the characters")
        compiled = error.rest
    for found in compiled.placeholders if isinstance(compiled, Template) else ():
        if found.source == "task" and found.path[0] not in known:
            yield note_at(
                source,
                _at(source, node, found.start),
                Severity.ERROR,
                f"{found.text} names no other task: v4 left it in the text, v5 refuses it",
                _which(found.text, known, f"write \\{found.text} for the characters, or name a task"),
            )


def _at(source: Source, node: Node, place: int) -> int:
    """Return where a character of a value stands; the value's start where that cannot be said."""
    if "{" not in node.value[place:]:
        return node.start
    return templates.offset_of(source, node, place) or node.start


def _number(source: Source, node: Node) -> Iterator[Note]:
    value = scalars.v4_value(node)
    if isinstance(value, bool) or not isinstance(value, int | float) or scalars.same(value, scalars.v5_value(node)):
        return
    message, hint = f"v4 read {node.value} as the number {value}", f'write "{node.value}" if the text is meant'
    yield note_at(source, node.start, Severity.WARNING, message, hint)


def _command(source: Source, node: Node, known: templates.TaskNames) -> Iterator[Note]:
    """Warn of commands: v4 pasted values into them, and v5 does not."""
    for opening in templates.openings(node.value, known):
        if not opening.ref:
            continue
        offset = templates.offset_of(source, node, opening.start) or node.start
        reason = unsafe_place(node.value, opening.start, opening.end)
        if reason:
            yield note_at(
                source,
                offset,
                Severity.ERROR,
                f"{opening.text} stands {reason}, where v5 cannot put a value safely",
                "give the value to argv, env or stdin, or set trust: true for this task",
            )
        else:
            yield note_at(
                source,
                offset,
                Severity.WARNING,
                f"v4 pasted the value of {opening.text} into the command; in v5 it is data, one word's part",
                "nothing to do, unless the value was meant as shell code or as several words: see trust and argv",
            )
