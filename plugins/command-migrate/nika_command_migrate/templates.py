"""What `{{...}}` and `${...}` meant in v4, what they mean in v5, and the backslashes that keep a text the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from nika_command_migrate.source import Edit, Source
from nika_command_migrate.tree import Node, block_header
from nika_core.toolbox.templates import Template, TemplateSyntaxError, compile_template


@dataclass(frozen=True, slots=True)
class TaskNames(Collection[str]):
    """The ids that a reference may name: all but `own`, without a copy of them for every task.

    `tolerated`: the tasks with `onError: continue`. They may have no output, so a reference to them gets a default.
    """

    ids: frozenset[str] = frozenset()
    tolerated: frozenset[str] = frozenset()
    own: str = ""

    def __contains__(self, name: object) -> bool:
        return name != self.own and name in self.ids

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.ids if name != self.own)

    def __len__(self) -> int:
        return len(self.ids) - (self.own in self.ids)

    def seen_by(self, task: str) -> TaskNames:
        """Return the tasks that a task may name."""
        return replace(self, own=task)


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference that is replaced by a value."""

    source: str
    path: tuple[str, ...]
    default: str = ""


@dataclass(frozen=True, slots=True)
class Bad:
    """A text that v5 refuses."""

    text: str


Part: TypeAlias = "str | Ref | Bad"


@dataclass(frozen=True, slots=True)
class Opening:
    """A `{{` or a `${`, and what it was in v4.

    `kind`: "reference", "loose" (known to v5, and left in the text by v4, which knew no spaces and only one field),
    "unknown" (a name that is not a task or source), "text" (nothing of ours).
    """

    start: int
    end: int
    text: str
    kind: str
    ref: Ref | None = None

    @property
    def with_default(self) -> str:
        """The text with the default of its reference written out."""
        return f"{self.text[: self.default_at]}{_WRITTEN_DEFAULT}{self.text[self.default_at :]}"

    @property
    def default_at(self) -> int:
        """Where in the text a default is written."""
        return len(self.text.rstrip("} \t\r\n"))


_DEFAULT: Final = repr(("", ()))  # what `?? ""` is to `v5_tokens`
_WRITTEN_DEFAULT: Final = ' ?? ""'
_TASK: Final = re.compile(r"\{\{(\s*)([\w-]+)((?:\.[\w-]+)*)(\s*)\}\}")
_NAMED: Final = re.compile(r"\$\{(\s*)([A-Za-z_][\w-]*)((?:\.[\w-]+)+)(\s*)\}")
_OPENS: Final = re.compile(r"\{\{|\$\{")
_WORD: Final = re.compile(r"\w+\Z")
V4_SOURCES: Final = frozenset({"input", "env"})


def openings(text: str, tasks: TaskNames) -> list[Opening]:
    """Return every opening of a text of v4, from left to right."""
    found: list[Opening] = []
    at = 0
    while match := _OPENS.search(text, at):
        opening = _task(text, match.start(), tasks) if match[0] == "{{" else _named(text, match.start())
        found.append(opening)
        at = opening.end
    return found


def _task(text: str, start: int, tasks: TaskNames) -> Opening:
    match = _TASK.match(text, start)
    if not match:
        return Opening(start, start + 1 if text.startswith("{{{", start) else start + 2, "{{", "text")
    if match[2] not in tasks:
        return Opening(start, match.end(), match[0], "unknown")
    path = (match[2], *match[3].split(".")[1:])
    exact = not match[1] and not match[4] and len(path) <= 2
    ref = Ref("task", path, _DEFAULT if match[2] in tasks.tolerated else "")
    return Opening(start, match.end(), match[0], "reference" if exact else "loose", ref)


def _named(text: str, start: int) -> Opening:
    match = _NAMED.match(text, start)
    if not match:
        # `$` may stand before a `{{`, which is then the template.
        return Opening(start, start + 1 if text.startswith("{{", start + 1) else start + 2, "${", "text")
    if match[2] not in V4_SOURCES:
        return Opening(start, match.end(), match[0], "unknown")
    path = tuple(match[3].split(".")[1:])
    exact = not match[1] and not match[4] and len(path) == 1 and _WORD.match(path[0])
    return Opening(start, match.end(), match[0], "reference" if exact else "loose", Ref(match[2], path))


def v4_tokens(text: str, tasks: TaskNames) -> tuple[Part, ...]:
    """Return the text as v4 read it: literals and references, those to tolerated tasks with their default."""
    tokens: list[Part] = []
    at = 0
    for opening in openings(text, tasks):
        if opening.ref:
            tokens += (text[at : opening.start], opening.ref)
            at = opening.end
    tokens.append(text[at:])
    return _joined(tokens)


def v5_tokens(text: str) -> tuple[Part, ...]:
    """Return the text as v5 reads it."""
    try:
        compiled = compile_template(text)
    except TemplateSyntaxError:
        return (Bad(text),)
    if not isinstance(compiled, Template):
        return _joined([compiled])
    return _joined(
        [
            part
            if isinstance(part, str)
            else Ref(part.source, part.path, repr((part.default, part.alternatives)) if part.is_optional else "")
            for part in compiled.parts
        ]
    )


def _joined(tokens: list[Part]) -> tuple[Part, ...]:
    joined: list[Part] = []
    for token in tokens:
        if isinstance(token, str) and joined and isinstance(joined[-1], str):
            joined[-1] += token
        elif token != "":
            joined.append(token)
    return tuple(joined)


def template_edits(source: Source, node: Node, tasks: TaskNames) -> list[Edit]:
    """Return the backslashes and defaults that make v5 read a scalar as v4 did.

    Empty where none is needed, or where none helps.
    """
    value = node.value
    wanted = v4_tokens(value, tasks)
    if v5_tokens(value) == wanted:
        return []
    insertions = list(_insertions(value, tasks))
    if v5_tokens(_inserted(value, insertions)) != wanted:
        return []  # no way to write it: the comparison of meanings says so
    edits: list[Edit] = []
    for opening, at, text in insertions:
        offset = offset_of(source, node, opening.start)
        if offset is None or (at and not source.text.startswith(opening.text, offset)):
            return []
        written = text.replace("\\", "\\\\").replace('"', '\\"') if node.style == '"' else text
        edits.append(Edit(offset + at, offset + at, written))
    return edits


def _insertions(value: str, tasks: TaskNames) -> Iterator[tuple[Opening, int, str]]:
    """Yield what is inserted: at which opening, how many characters behind its start, and the text."""
    for opening in openings(value, tasks):
        before = value[: opening.start]
        backslashes = "\\" * (len(before) - len(before.rstrip("\\")))  # v5 reads two as one
        if opening.ref is None and _opens_in_v5(value, opening.start):
            backslashes += "\\"
        if backslashes:
            yield opening, 0, backslashes
        if opening.ref is not None and opening.ref.default:
            yield opening, opening.default_at, _WRITTEN_DEFAULT


def _opens_in_v5(text: str, at: int) -> bool:
    return text.startswith("{{", at) or bool(re.match(r"\$\{\s*[A-Za-z_](?:-?[A-Za-z0-9_])*\.", text[at:]))


def _inserted(text: str, insertions: list[tuple[Opening, int, str]]) -> str:
    for opening, at, inserted in reversed(insertions):
        place = opening.start + at
        text = f"{text[:place]}{inserted}{text[place:]}"
    return text


def offset_of(source: Source, node: Node, place: int) -> int | None:
    """Return where a character of a scalar's value stands in the file: the n-th brace is the n-th brace."""
    brace = node.value.index("{", place)
    start = node.start + len(block_header(source, node)) if node.is_block_scalar else node.start
    if node.is_block_scalar:
        start = source.start(source.line_of(start) + 1)
    written = source.text[start : node.end]
    if written.count("{") != node.value.count("{"):
        return None
    at = start - 1
    for _ in range(node.value.count("{", 0, brace + 1)):
        at = source.text.index("{", at + 1)
    offset = at - (brace - place)
    return offset if source.text[offset] == node.value[place] else None
