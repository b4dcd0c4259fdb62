"""A document as plain dicts, lists and texts, and a tape that says where each of them stands.

The tape has one offset for each node (keys too) in the order of the text. A node's entry follows from the sizes of
the nodes before it, so that nothing else has to be kept, and places are only worked out for what is asked.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, Final

from nika_core.document.yaml.syntax_issues import Finding


class Quoted(str):
    """A text that looks like JSON's number, true, false or null, and was written in quotes: it stays a text."""

    __slots__ = ()


class Hole(Quoted):
    """Stands where something was refused, e.g. an alias; what is wrong with it has been said."""

    __slots__ = ()


HOLE: Final = Hole()  # one object: a document may have a million of them


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
