"""Texts of a payload whose secrets are filled in by the attempt: the payload has the placeholder, never the value.

What is late is told by the type of a text and by its place, not by what the text says: an output or an input that reads
`${secret.token}` stays text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

from nika_core.model.json import Json, JsonObject
from nika_core.model.payload_tree import map_leaves
from nika_core.model.workflow import NodePath


class LateValue(NamedTuple):
    """A placeholder's value, as far as it is known before an attempt.

    Attributes:
        members: which references of its chain are late, by their places in it.
        otherwise: the value of what follows them, if there is one: none or one.
    """

    members: tuple[int, ...]
    otherwise: tuple[Json, ...] = ()


class KnownValue(NamedTuple):
    """A placeholder's value in a text of which another placeholder is late."""

    value: Json


class LateText(str):
    """A text of a rendered payload with late placeholders in it. It reads as its author wrote it.

    Attributes:
        template: the text as its author wrote it, to be compiled again where it is filled in.
        values: one for each placeholder, in order.
    """

    __slots__ = ("template", "values")
    template: str
    values: tuple[KnownValue | LateValue, ...]

    def __new__(cls, shown: str, template: str, values: Sequence[KnownValue | LateValue]) -> Self:
        new = super().__new__(cls, shown)
        new.template = template
        new.values = tuple(values)
        return new


class LateLeaf(NamedTuple):
    """A text of a payload that the attempt fills in. It has a JSON form, without any secret.

    Attributes:
        path: where it stands, from the payload's field on.
        template: see `LateText`.
        values: see `LateText`.
    """

    path: NodePath
    template: str
    values: tuple[KnownValue | LateValue, ...]

    def as_json(self) -> JsonObject:
        """Return it as JSON: what hashes see and what an executor on another machine is sent."""
        values = [
            {"late": list(each.members), "otherwise": list(each.otherwise)}
            if isinstance(each, LateValue)
            else {"value": each.value}
            for each in self.values
        ]
        return {"path": list(self.path), "template": self.template, "values": values}

    @classmethod
    def of(cls, data: JsonObject) -> LateLeaf:
        """Return what `as_json` wrote."""
        values = tuple(
            KnownValue(each["value"])
            if "value" in each
            else LateValue(tuple(each["late"]), tuple(each.get("otherwise", ())))
            for each in data["values"]
        )
        return cls(tuple(data["path"]), data["template"], values)


def late_leaves(payload: JsonObject) -> tuple[LateLeaf, ...]:
    """Return the late texts of a rendered payload."""
    leaves: list[LateLeaf] = []

    def look(leaf: Any, path: NodePath) -> Any:
        if type(leaf) is LateText:
            leaves.append(LateLeaf(path, leaf.template, leaf.values))
        return leaf

    map_leaves(payload, look)
    return tuple(leaves)


def with_leaves(payload: JsonObject, leaves: Sequence[LateLeaf], fill: Callable[[LateLeaf], Json]) -> JsonObject:
    """Return the payload with each of these leaves replaced by what `fill` returns for it."""
    by_path = {leaf.path: leaf for leaf in leaves}

    def put(value: Any, path: NodePath) -> Any:
        leaf = by_path.get(path)
        return value if leaf is None else fill(leaf)

    filled: JsonObject = map_leaves(payload, put)
    return filled
