"""A document as plain dicts, lists and texts, and `offsets`, which say where each of them stands.

`offsets` has one offset for each node (keys too) in the order of the text. A node's entry follows from the sizes of
the nodes before it, so that nothing else has to be kept, and places are only worked out for what is asked.
"""

from __future__ import annotations

from array import array
from typing import Any, Final

from nika_core.document.yaml.syntax_issues import SyntaxIssue
from nika_core.values import dataclass, field


class Quoted(str):
    """A text that looks like JSON's number, true, false or null, and was written in quotes: it stays a text."""

    __slots__ = ()


class RefusedValue(Quoted):
    """Stands for something that was refused, e.g. an alias, and has been reported."""

    __slots__ = ()


REFUSED_VALUE: Final = RefusedValue()  # one object: a document may have a million of them


@dataclass(slots=True)
class Tree:
    """A document. `whole` is false if reading stopped before the end.

    `entries`: for each list below the root, by its `id`, where its mappings and lists stand in `offsets`.
    `stopped_at`: the offset of the syntax error that stopped it; -1 for characters that may not stand anywhere.
    """

    root: Any
    offsets: array[int]
    issues: list[SyntaxIssue] = field(default_factory=list)
    whole: bool = True
    stopped_at: int | None = None
    entries: dict[int, array[int]] = field(default_factory=dict)
