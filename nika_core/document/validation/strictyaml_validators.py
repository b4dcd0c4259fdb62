"""strictyaml's own validators. Those that have a description of ours are compiled as it is; strictyaml runs the others.

The rarer ones, and authors' own, are given a part of our tree as strictyaml's chunk. Unlike its own, ours copies
nothing but that part: the time is linear in its size. Only what needs strictyaml imports this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import strictyaml
from strictyaml import YAML, ScalarValidator, YAMLValidationError
from strictyaml.compound import MapCombined
from strictyaml.ruamel.comments import CommentedMap, CommentedSeq
from strictyaml.yamllocation import YAMLChunk
from strictyaml.yamlpointer import YAMLPointer

from nika_core.document.validation import compile_validators as compiling
from nika_core.document.validation.issues import ValidationIssue, add, is_refused
from nika_core.document.validation.scalar_validators import (
    ANY_KIND,
    NOTHING,
    SCALAR,
    TEXT,
    Compiled,
    empty,
    enum,
    scalar,
)
from nika_core.document.validation.templated import templated
from nika_core.document.yaml.source_map import RefusedKey
from nika_core.plugin.fields.strict_classes import CheckedValidator, DocumentedMap, ScalarOf, TemplatedValidator

_SHORT: Final = 40
_MOST_KNOWN: Final = 256
_UNCHANGING: Final = (str, int, float)


def compile_strict(validator: Any) -> Compiled:
    """Compile a validator of strictyaml's, or one that an author has derived from it."""
    return _COMPILERS.get(type(validator), adapt)(validator)


def read_default(validator: Any, default: Any) -> Any:
    """Return a default as strictyaml reads it. Raises what strictyaml raises if the validator does not accept it."""
    return validator(YAMLChunk(validator.to_yaml(default))).data


def _enum(validator: Any) -> Compiled:
    texts = type(validator._item_validator) is strictyaml.Str
    return enum(list(validator._restricted_to)) if texts else adapt(validator)


def _map(validator: Any) -> Compiled:
    names, others = validator._key_validator, isinstance(validator, MapCombined)
    return compiling.mapping(
        validator._validator_dict,
        validator._required_keys,
        {key: read_default(validator.get_validator(key), default) for key, default in validator._defaults.items()},
        None if type(names) is strictyaml.Str else compiling.compile_schema(names).check,
        compiling.compile_schema(validator._value_validator).check if others else None,
    )


def adapt(validator: Any) -> Compiled:
    """Compile any other validator: strictyaml itself runs it.

    What it makes of a short text is kept where it cannot be changed: the same few numbers and words come again and
    again, and a validator gives the same value for the same text.
    """
    scalar = isinstance(validator, strictyaml.ScalarValidator)
    own_call = type(validator).__call__ is not strictyaml.ScalarValidator.__call__
    known: dict[str, Any] = {}

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if scalar and not own_call:
            if not isinstance(node, str):  # it would refuse it, at length
                add(issues, node, _rule(validator))
                return None
            if node in known:
                return known[node]
        if is_refused(node):
            return None
        try:
            found = validate_chunk(validator, node)
            if (
                scalar
                and not own_call
                and len(node) < _SHORT
                and len(known) < _MOST_KNOWN
                and isinstance(found, _UNCHANGING)
            ):
                known[str(node)] = found
            return found
        except YAMLValidationError as error:
            chunk = error._chunk
            expected = str(error.context or "").removeprefix("when expecting ").removeprefix("while parsing ")
            message = f"expected {expected}, {error.problem}" if expected else str(error.problem)
            at_key = getattr(chunk, "at_key", False)
            issues.append(ValidationIssue(message, path=list(reversed(getattr(chunk, "path", ()))), at_key=at_key))
        except Exception as error:  # an author's validator may raise anything
            issues.append(
                ValidationIssue(f"the value cannot be read: {error}" if str(error) else "the value cannot be read")
            )
        return None

    return Compiled(
        check, frozenset({SCALAR}) if scalar else ANY_KIND, _rule(validator) if scalar else "something else"
    )


_RULES: Final = {
    strictyaml.EmptyNone: NOTHING,
    strictyaml.NullNone: "`null`",
    strictyaml.Decimal: "a number",
    strictyaml.HexInt: "a hexadecimal number",
    strictyaml.Datetime: "a date and time",
    strictyaml.Url: "a URL",
    strictyaml.Email: "an e-mail address",
    strictyaml.CommaSeparated: "texts with commas between them",
}


def _rule(validator: Any) -> str:
    if type(validator) is strictyaml.Regex:
        return f"a text that matches `{validator._regex}`"
    known = _RULES.get(type(validator))
    if known is not None:
        return known
    rule = str(getattr(validator, "rule_description", "another text"))
    return "an " + rule.removeprefix("a ") if re.match("a [aeiou]", rule) else rule


class _Names:
    """A mapping being validated: which key stands there now for the key as written."""

    __slots__ = ("actual",)

    def __init__(self, keys: Any) -> None:
        self.actual: dict[str, Any] = {key: key for key in keys}


class NodeChunk(YAMLChunk):  # type: ignore[misc]  # strictyaml has no types
    """One node; `path` leads to it from the node that was given to the validator."""

    _parent: NodeChunk | None = None
    _step: str | int | None = None
    _is_key = False
    _names: _Names | None = None
    _label = "workflow"

    def __init__(self, node: Any, path: tuple[str | int, ...] = (), *, line: int = 1) -> None:
        self._node = node
        self._strict = node
        self._path = path
        self._line = line
        if not isinstance(node, str):  # thousands of scalars are checked one by one
            self._strict = _copy(node)
            self._names = _Names(node) if isinstance(node, CommentedMap) else None
            self._children: dict[str | int, NodeChunk] = {}
            self._key_association: dict[Any, Any] = {}

    def _child(self, step: str | int) -> NodeChunk:
        found = self._children.get(step)
        if found is None:
            found = NodeChunk.__new__(NodeChunk)
            node = self._node[step]
            found.__dict__.update(self.__dict__)
            found._node = node
            found._strict = self._current()[self._actual(step)]
            found._path = (*self._path, step)
            found._parent, found._step = self, step
            found._names = _Names(node) if isinstance(node, CommentedMap) else None
            found._children = {}
            found._key_association = {}
            self._children[step] = found
        return found

    def _actual(self, step: Any) -> Any:
        return self._names.actual[step] if self._names is not None else step

    def _current(self) -> Any:
        return self._strict._value if isinstance(self._strict, YAML) else self._strict

    @property
    def path(self) -> tuple[str | int, ...]:
        """From the node that the validator was given."""
        return self._path

    @property
    def at_key(self) -> bool:
        """Whether this is a key, not a value."""
        return self._is_key

    @property
    def pointer(self) -> YAMLPointer:
        return YAMLPointer()

    @property
    def key_association(self) -> dict[Any, Any]:
        return self.__dict__.setdefault("_key_association", {})  # type: ignore[no-any-return]  # see __init__

    @property
    def contents(self) -> Any:
        return self._node

    @property
    def whole_document(self) -> Any:
        return self._node

    def strictparsed(self) -> Any:
        return self._strict

    def process(self, new_item: Any) -> None:
        parent = self._parent
        if parent is None or self._step is None:
            self._strict = new_item
            return
        current = parent._current()
        actual = parent._actual(self._step)
        if self._is_key and parent._names is not None:
            value = current[actual]
            del current[actual]
            current[new_item] = value
            parent._names.actual[str(self._step)] = new_item
        else:
            current[actual] = new_item
            self._strict = new_item

    def index(self, strictindex: int) -> NodeChunk:
        return self._child(strictindex)

    def val(self, strictkey: Any) -> NodeChunk:
        return self._child(self._key_association.get(strictkey, strictkey))

    def key(self, key: Any, strictkey: Any = None) -> NodeChunk:
        found = NodeChunk(str(key), (*self._path, key), line=self._line)
        found._parent, found._step, found._is_key = self, key, True
        return found

    def expect_mapping(self) -> list[tuple[NodeChunk, NodeChunk]]:
        if not self.is_mapping():
            self.expecting_but_found("when expecting a mapping")
        return [(self.key(key), self._child(key)) for key in self._node]

    def textslice(self, start: int, end: int) -> NodeChunk:
        return NodeChunk(self._node[start:end], self._path, line=self._line)

    def fork(self, strictindex: Any, new_value: Any) -> NodeChunk:
        node = CommentedMap(self._node.items()) if self.is_mapping() else CommentedMap()
        node[self._key_association.get(strictindex, strictindex)] = new_value.as_marked_up()
        return NodeChunk(node, self._path, line=self._line)

    def make_child_of(self, chunk: Any) -> None:
        """Link nothing: a chunk of ours is not edited later."""

    def start_line(self) -> int:
        return self._line

    def end_line(self) -> int:
        return self._line

    def lines(self) -> str:
        return str(self._node)

    def lines_before(self, how_many: int) -> str:
        return ""

    def lines_after(self, how_many: int) -> str:
        return ""


def as_ruamel(node: Any) -> Any:
    """Return our tree in strictyaml's containers."""
    if type(node) is dict:
        return CommentedMap((key, as_ruamel(value)) for key, value in node.items() if type(key) is not RefusedKey)
    if type(node) is list:
        return CommentedSeq(as_ruamel(value) for value in node)
    return str(node)


def _copy(node: Any) -> Any:
    if isinstance(node, CommentedMap):
        return CommentedMap((key, _copy(value)) for key, value in node.items())
    if isinstance(node, CommentedSeq):
        return CommentedSeq(_copy(value) for value in node)
    return node


def data_of(value: Any) -> Any:
    """Return what a validator made as plain Python values."""
    if isinstance(value, YAML):
        value = value._value
    if isinstance(value, CommentedMap):
        return {data_of(key): data_of(item) for key, item in value.items()}
    if isinstance(value, CommentedSeq):
        return [data_of(item) for item in value]
    return value


def validate_chunk(validator: Any, node: Any) -> Any:
    """Give `node` to a strictyaml validator.

    Raises:
        YAMLValidationError: its `_chunk` is a NodeChunk, and knows the path.
    """
    if isinstance(node, str) and type(validator).__call__ is ScalarValidator.__call__:
        return data_of(validator.validate(NodeChunk(str(node))))  # what `__call__` does, without a wrapper around it
    return data_of(validator(NodeChunk(as_ruamel(node))))


_COMPILERS: Final[dict[type[Any], Callable[[Any], Compiled]]] = {
    strictyaml.Str: lambda _: TEXT,
    strictyaml.Int: lambda _: compiling.INTEGER,
    strictyaml.Float: lambda _: compiling.NUMBER,
    strictyaml.Bool: lambda _: compiling.BOOLEAN,
    strictyaml.Enum: _enum,
    strictyaml.EmptyDict: lambda _: empty(dict),
    strictyaml.EmptyList: lambda _: empty(list),
    strictyaml.Any: lambda _: compiling.anything(),
    strictyaml.Map: _map,
    MapCombined: _map,
    DocumentedMap: _map,
    ScalarOf: lambda validator: scalar(validator.scalar.parse, validator.scalar.expects),
    CheckedValidator: lambda validator: compiling.checked(validator.inner, validator.check),
    TemplatedValidator: lambda validator: templated(compiling.compile_schema(validator.inner), validator.before_run),
    strictyaml.MapPattern: lambda validator: compiling.pattern(
        validator._key_validator, validator._value_validator, validator._minimum_keys, validator._maximum_keys
    ),
    strictyaml.Seq: lambda validator: compiling.sequence(validator._validator),
    strictyaml.UniqueSeq: lambda validator: compiling.sequence(validator._validator, unique=True),
    strictyaml.FixedSeq: lambda validator: compiling.fixed_sequence(validator._validators),
    strictyaml.OrValidator: lambda validator: compiling.either(validator._validator_a, validator._validator_b),
}
