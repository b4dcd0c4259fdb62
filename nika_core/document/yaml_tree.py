"""Strict YAML: events become plain dicts, lists and texts, and a tape that says where each of them stands.

The tape has one offset for each node (keys too) in the order of the text. A node's entry follows from the sizes of
the nodes before it, so that nothing else has to be kept, and places are only worked out for what is asked.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from nika_core import codes
from nika_core.document.findings import MAX_FINDINGS, Deadline, Finding
from nika_core.document.positions import Ghost
from nika_core.document.syntax_errors import explain
from nika_core.document.yaml_events import YamlError, events
from nika_core.errors import Place, Problem
from nika_core.model.limits import Limit, Limits, Measure

_NO_KEY: Final = Ghost()
_STEPS: Final = 4096  # events between two looks at the clock and the counts
_JSON_STARTS: Final = frozenset("-0123456789tfn")
_JSON_LIKE: Final = re.compile(r"(?:-?[0-9][0-9.eE+-]*|true|false|null)\Z")
_MOST_KNOWN: Final = 20_000
_DEEPEST: Final = 400  # whatever the limit says: what follows is recursive
_BYTES_A_NODE: Final = 6  # as many nodes as the size limit has of these: bounds the memory of hostile documents
_FEWEST_NODES: Final = 100_000
_BYTES_A_TEMPLATE: Final = 40  # the same for placeholders
_FEWEST_TEMPLATES: Final = 20_000


class Quoted(str):
    """A text that looks like JSON's number, true, false or null, and was written in quotes: it stays a text."""

    __slots__ = ()


class Hole(Quoted):
    """Stands where something was refused, e.g. an alias; what is wrong with it has been said."""

    __slots__ = ()


_HOLE: Final = Hole()


@dataclass(slots=True)
class Tree:
    """A document. `whole` is false where reading stopped before the end.

    `entries`: of each list below the root, by its `id`, the tape's entries of the items that are mappings or lists.
    `stopped_at`: the offset of the syntax error that stopped it; -1 for characters that may not stand anywhere.
    """

    root: Any
    tape: array[int]
    findings: list[Finding] = field(default_factory=list)
    whole: bool = True
    stopped_at: int | None = None
    entries: dict[int, array[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a document may be. `counted`: root keys whose lists are bounded."""

    depth: Limit | None
    max_depth: int
    max_nodes: int | None
    size: Limit | None
    counted: Mapping[str, Limit]

    @classmethod
    def of(cls, limits: Limits) -> Bounds:
        depth = limits.limit(Measure.RECURSION)
        size = limits.limit(Measure.YAML_BYTES)
        counted = {"tasks": limits.limit(Measure.TASKS), "flows": limits.limit(Measure.FLOWS)}
        return cls(
            depth,
            min(int(depth.value), _DEEPEST) if depth else _DEEPEST,
            max(int(size.value) // _BYTES_A_NODE, _FEWEST_NODES) if size else None,
            size,
            {key: limit for key, limit in counted.items() if limit},
        )

    def too_many_templates(self, text: str, path: str) -> Problem | None:
        """Placeholders are counted before any is compiled."""
        if self.size is None:
            return None
        most = max(int(self.size.value) // _BYTES_A_TEMPLATE, _FEWEST_TEMPLATES)
        found = text.count("{{") + text.count("${")
        if found <= most:
            return None
        message = f"the document has {found} templates, and {self.size.name} allows for {most}"
        return Problem(codes.COUNT_LIMIT, message, Place(path), f"split it, or raise {self.size.name}")


class _StopError(Exception):
    """Reading ends here; the finding says why."""


class _Builder:
    """Takes events one by one. What is rare is in methods, what is frequent in `run`."""

    def __init__(self, text: str, bounds: Bounds, deadline: Deadline) -> None:
        self.text = text
        self.bounds = bounds
        self.deadline = deadline
        self.tree = Tree(None, array("I" if len(text) < 2**32 else "Q"))
        self.merges = "<<" in text
        self.quoted: dict[str, Quoted] = {}
        self.known: dict[str, str] = {}

    def note(self, code: str, message: str, start: int, end: int | None = None, hint: str | None = None) -> None:
        findings = self.tree.findings
        if len(findings) < MAX_FINDINGS:
            findings.append(Finding(code, message, start, end, hint))

    def run(self, get: Callable[[], Any]) -> None:
        """The loop; raises _StopError, OutOfTimeError and the parser's errors."""
        tape = self.tree.tape
        push = tape.append
        stack: list[tuple[Any, bool, Any]] = []
        current: Any = None
        in_map = False
        key: Any = _NO_KEY
        max_depth = self.bounds.max_depth
        merges = self.merges
        # Without these characters there is no anchor, no alias and no tag: a look at each event is saved.
        marked = "&" in self.text or "!" in self.text
        quoted = self.quoted
        known = self.known
        entries = tape
        while True:
            for _ in range(_STEPS):
                event = get()
                kind = type(event)
                if kind is ScalarEvent:
                    if marked and (event.anchor is not None or event.tag is not None):
                        self.decorated(event)
                    value: Any = event.value
                    push(event.start_mark.index)
                    if len(value) < 24:  # short texts are often the same ones
                        value = known.get(value) or self.remember(value)
                    if in_map and key is _NO_KEY:
                        if value in current:
                            self.duplicate(value, event)
                            key = Ghost()
                        elif merges and value == "<<" and not event.style:
                            self.merge(event)
                            key = Ghost()
                        else:
                            key = value
                    else:
                        if event.style and value and value[0] in _JSON_STARTS:
                            value = quoted.get(value) or self.quote(value)
                        if in_map:
                            current[key] = value
                            key = _NO_KEY
                        elif current is None:
                            self.tree.root = value
                        else:
                            current.append(value)
                elif kind is MappingStartEvent or kind is SequenceStartEvent:
                    if marked and (event.anchor is not None or event.tag is not None):
                        self.decorated(event)
                    new: Any = {} if kind is MappingStartEvent else []
                    push(event.start_mark.index)
                    depth = len(stack)
                    if depth < 3:
                        if depth == 2 and not in_map:
                            entries.append(len(tape) - 1)
                        elif depth == 1:
                            entries = self.tree.entries[id(new)] = array(tape.typecode)
                    elif depth >= max_depth:
                        self.too_deep(event)
                    stack.append((current, in_map, key))
                    if in_map:
                        if key is _NO_KEY:
                            stack[-1] = (current, in_map, self.key_is_no_text(event, len(tape) - 1))
                        else:
                            current[key] = new
                    elif current is None:
                        self.tree.root = new
                    else:
                        current.append(new)
                    current = new
                    in_map = kind is MappingStartEvent
                    key = _NO_KEY
                elif kind is MappingEndEvent or kind is SequenceEndEvent:
                    current, in_map, key = stack.pop()
                    if type(key) is Ghost and key.start >= 0:  # that was a key
                        key.size = len(tape) - key.start
                        key.start = -1
                    else:
                        key = _NO_KEY
                elif kind is AliasEvent:
                    push(event.start_mark.index)
                    self.alias(event)
                    if in_map and key is _NO_KEY:
                        key = Ghost()
                    elif in_map:
                        current[key] = _HOLE
                        key = _NO_KEY
                    elif current is None:
                        self.tree.root = _HOLE
                    else:
                        current.append(_HOLE)
                elif kind is DocumentStartEvent:
                    if self.tree.root is not None:
                        self.second_document(event)
                elif kind is StreamEndEvent:
                    return
            self.look()

    def look(self) -> None:
        """What is looked at every few thousand events."""
        self.deadline.check()
        bounds = self.bounds
        root = self.tree.root
        if type(root) is dict:
            for name, limit in bounds.counted.items():
                items = root.get(name)
                if type(items) is list and len(items) > limit.value:
                    self.note(*_too_many(name, limit, self.tree.tape[-1]))
                    raise _StopError
        nodes = len(self.tree.tape) + 4 * len(self.quoted)  # so much larger
        if bounds.max_nodes is not None and nodes > bounds.max_nodes and bounds.size:
            self.note(
                codes.COUNT_LIMIT,
                f"the document has more than {bounds.max_nodes} values, as many as {bounds.size.name} allows for",
                self.tree.tape[-1],
                hint=f"split it, or raise {bounds.size.name}",
            )
            raise _StopError

    def remember(self, value: str) -> str:
        """Keep one object for equal short texts, as long as there are not too many different ones."""
        if len(self.known) < _MOST_KNOWN:
            self.known[value] = value
        return value

    def quote(self, value: str) -> str:
        """A quoted text that may look like JSON. Equal ones are one object: these are larger than other texts."""
        if not _JSON_LIKE.match(value):
            return value
        new = Quoted(value)
        if len(value) < 12:
            self.quoted[value] = new
        return new

    def decorated(self, event: Any) -> None:
        start = event.start_mark.index
        if event.anchor is not None:
            self.note(
                codes.YAML_NOT_STRICT,
                f"anchors (`&{_short(event.anchor)}`) are not part of strict YAML",
                start,
                start + 1 + len(event.anchor),
                "write the value out where it is needed; put a text that starts with `&` in quotes",
            )
        if event.tag is not None:
            self.note(
                codes.YAML_NOT_STRICT,
                "tags (`!...`) are not part of strict YAML: the schema says which type a value has",
                start,
                hint="remove the tag; put a text that starts with `!` in quotes",
            )

    def alias(self, event: Any) -> None:
        start = event.start_mark.index
        self.note(
            codes.YAML_NOT_STRICT,
            f"aliases (`*{_short(event.anchor)}`) are not part of strict YAML",
            start,
            start + 1 + len(event.anchor),
            "write the value out; put a text that starts with `*` in quotes",
        )

    def duplicate(self, name: str, event: Any) -> None:
        self.note(
            codes.YAML_NOT_STRICT,
            f"the key `{_short(name)}` stands twice in one mapping",
            event.start_mark.index,
            event.end_mark.index,
            "remove one of the two, or join their values",
        )

    def merge(self, event: Any) -> None:
        start = event.start_mark.index
        self.note(
            codes.YAML_NOT_STRICT,
            "merge keys (`<<`) are not part of strict YAML",
            start,
            start + 2,
            "write the keys out; put `<<` in quotes where it is meant as a key",
        )

    def key_is_no_text(self, event: Any, entry: int) -> Ghost:
        start = event.start_mark.index
        trap = self.text.startswith("{{", start - 1)
        if trap:
            end = self.text.find("}}", start)
            self.note(*unquoted_template(start - 1, end + 2 if 0 <= end - start < 1000 else None))
        else:
            self.note(
                codes.YAML_NOT_STRICT,
                "a mapping or a list cannot be a key",
                start,
                hint="put the key in quotes where it is meant as a text",
            )
        return Ghost(start=entry, trap=trap)

    def too_deep(self, event: Any) -> None:
        limit = self.bounds.depth
        says = f"{limit.name} allows {self.bounds.max_depth}" if limit else f"at most {self.bounds.max_depth} are read"
        self.note(
            codes.DEPTH_LIMIT,
            f"the document is nested too deeply: {says} levels",
            event.start_mark.index,
            hint="make it flatter",
        )
        raise _StopError

    def second_document(self, event: Any) -> None:
        start = event.start_mark.index
        self.note(
            codes.YAML_NOT_STRICT,
            "a file holds one document, and here a second one starts",
            start,
            start + 3,
            "remove `---`, or move what follows to a file of its own",
        )
        raise _StopError


def _too_many(name: str, limit: Limit, start: int) -> tuple[str, str, int, None, str]:
    message = f"more than {int(limit.value)} {name}, as many as {limit.name} allows"
    return codes.COUNT_LIMIT, message, start, None, f"split the workflow, or raise {limit.name}"


def unquoted_template(start: int, end: int | None) -> tuple[str, str, int, int | None, str]:
    """The finding of `key: {{x}}`: in YAML that is a mapping within a mapping."""
    return (
        codes.TEMPLATE_NOT_QUOTED,
        "a value that starts with `{{` must stand in quotes: in YAML a `{` opens a mapping",
        start,
        end,
        'put the whole value in quotes: "{{...}}"',
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def parse(data: bytes, text: str, bounds: Bounds, deadline: Deadline, *, pure: bool = False) -> Tree:
    """Read a document as far as it can be read. Never raises for what stands in it, but for running out of time.

    Args:
        data: the same as `text`, in UTF-8, without a byte order mark.

    Raises:
        OutOfTimeError: at the deadline.
    """
    builder = _Builder(text, bounds, deadline)
    try:
        builder.run(events(data, text, pure=pure))
    except _StopError:
        builder.tree.whole = False
    except YamlError as error:
        builder.tree.whole = False
        builder.tree.findings.extend(explain(error, text))
        mark = getattr(error, "problem_mark", None)
        builder.tree.stopped_at = -1 if mark is None else mark.index
    tree = builder.tree
    if type(tree.root) is dict and tree.whole:
        for name, limit in bounds.counted.items():
            items = tree.root.get(name)
            if type(items) is list and len(items) > limit.value:
                builder.note(*_too_many(name, limit, 0))
    return tree
