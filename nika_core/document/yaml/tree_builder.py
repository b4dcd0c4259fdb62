"""From events to a tree: the loop that each value of a document goes through."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from typing import Any, Final, NoReturn

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

from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.nodes import REFUSED_VALUE, Quoted, Tree
from nika_core.document.yaml.read_limits import ReadLimits
from nika_core.document.yaml.source_map import RefusedKey
from nika_core.document.yaml.strict_yaml_errors import (
    alias,
    anchor,
    duplicate,
    key_is_no_text,
    merge_key,
    second_document,
    tag,
    unquoted_template,
)
from nika_core.document.yaml.syntax_issues import MAX_ISSUES, SyntaxIssue

_NO_KEY: Final = RefusedKey()
_EVENTS_BETWEEN_CHECKS: Final = 4096  # events between two checks of the clock and the counts
_JSON_STARTS: Final = frozenset("-0123456789tfn")
_JSON_LIKE: Final = re.compile(r"(?:-?[0-9][0-9.eE+-]*|true|false|null)\Z")
_MAX_SHORT_TEXTS: Final = 20_000


class StopReadingError(Exception):
    """Reading stops; the last issue says why."""


class TreeBuilder:
    """Builds a tree from events. Frequent events are handled in `run`, rare ones in methods."""

    def __init__(self, text: str, read_limits: ReadLimits, deadline: ValidationDeadline) -> None:
        self.text = text
        self.read_limits = read_limits
        self.deadline = deadline
        self.tree = Tree(None, array("I" if len(text) < 2**32 else "Q"))
        self.merges = "<<" in text
        self.quoted: dict[str, Quoted] = {}
        self.short_texts: dict[str, str] = {}

    def keep(self, issue: SyntaxIssue) -> None:
        """Keep an issue, as long as there are not too many."""
        if len(self.tree.issues) < MAX_ISSUES:
            self.tree.issues.append(issue)

    def stop(self, issue: SyntaxIssue) -> NoReturn:
        """Keep an issue, and stop reading."""
        self.keep(issue)
        raise StopReadingError

    def run(self, get: Callable[[], Any]) -> None:
        """Take all events. Raises StopReadingError, OutOfTimeError and the parser's errors."""
        offsets = self.tree.offsets
        push = offsets.append
        stack: list[tuple[Any, bool, Any]] = []
        current: Any = None
        in_map = False
        key: Any = _NO_KEY
        max_depth = self.read_limits.max_depth
        merges = self.merges
        # Without these characters there is no anchor and no tag, and events need not be checked for them.
        marked = "&" in self.text or "!" in self.text
        quoted = self.quoted
        short_texts = self.short_texts
        entries = offsets
        while True:
            for _ in range(_EVENTS_BETWEEN_CHECKS):
                event = get()
                kind = type(event)
                if kind is ScalarEvent:
                    if marked and (event.anchor is not None or event.tag is not None):
                        self.report_anchor_or_tag(event)
                    value: Any = event.value
                    push(event.start_mark.index)
                    if len(value) < 24:  # short texts are often the same ones
                        value = short_texts.get(value) or self.remember(value)
                    if in_map and key is _NO_KEY:
                        if value in current:
                            self.keep(duplicate(value, event.start_mark.index, event.end_mark.index))
                            key = RefusedKey()
                        elif merges and value == "<<" and not event.style:
                            self.keep(merge_key(event.start_mark.index))
                            key = RefusedKey()
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
                        self.report_anchor_or_tag(event)
                    new: Any = {} if kind is MappingStartEvent else []
                    push(event.start_mark.index)
                    depth = len(stack)
                    if depth >= max_depth:
                        self.stop(self.read_limits.too_deep(event.start_mark.index))
                    if depth == 2 and not in_map:
                        entries.append(len(offsets) - 1)
                    elif depth == 1:
                        entries = self.tree.entries[id(new)] = array(offsets.typecode)
                    stack.append((current, in_map, key))
                    if in_map:
                        if key is _NO_KEY:
                            stack[-1] = (current, in_map, self.key_is_no_text(event, len(offsets) - 1))
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
                    if type(key) is RefusedKey and key.start >= 0:  # that was a key
                        key.size = len(offsets) - key.start
                        key.start = -1
                    else:
                        key = _NO_KEY
                elif kind is AliasEvent:
                    push(event.start_mark.index)
                    self.keep(alias(event.anchor, event.start_mark.index))
                    if in_map and key is _NO_KEY:
                        key = RefusedKey()
                    elif in_map:
                        current[key] = REFUSED_VALUE
                        key = _NO_KEY
                    elif current is None:
                        self.tree.root = REFUSED_VALUE
                    else:
                        current.append(REFUSED_VALUE)
                elif kind is DocumentStartEvent:
                    if self.tree.root is not None:
                        self.stop(second_document(event.start_mark.index))
                elif kind is StreamEndEvent:
                    return
            self.check_limits()

    def check_limits(self) -> None:
        """Check time and counts, every few thousand events."""
        self.deadline.check()
        too_many = self.read_limits.too_many_items(self.tree) or self.read_limits.too_many_nodes(
            self.tree, len(self.quoted)
        )
        if too_many is not None:
            self.stop(too_many)

    def remember(self, value: str) -> str:
        """Keep one object for equal short texts, as long as there are not too many different ones."""
        if len(self.short_texts) < _MAX_SHORT_TEXTS:
            self.short_texts[value] = value
        return value

    def quote(self, value: str) -> str:
        """Return a quoted text, marked if it looks like JSON. Equal ones are one object, to save memory."""
        if not _JSON_LIKE.match(value):
            return value
        new = Quoted(value)
        if len(value) < 12:
            self.quoted[value] = new
        return new

    def report_anchor_or_tag(self, event: Any) -> None:
        """Report an anchor, a tag, or both."""
        if event.anchor is not None:
            self.keep(anchor(event.anchor, event.start_mark.index))
        if event.tag is not None:
            self.keep(tag(event.start_mark.index))

    def key_is_no_text(self, event: Any, entry: int) -> RefusedKey:
        """Report a key that is a mapping or a list, perhaps meant as a template, and return what stands for it."""
        start = event.start_mark.index
        is_template = self.text.startswith("{{", start - 1)
        if is_template:
            self.keep(unquoted_template(self.text, start - 1))
        else:
            self.keep(key_is_no_text(start))
        return RefusedKey(start=entry, is_template=is_template)
