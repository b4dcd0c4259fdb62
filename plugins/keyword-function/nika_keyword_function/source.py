"""Reads what a function takes out of its source, without executing any of it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from nika_core.plugin import Json, JsonObject, named_file, open_file, read_file

_MAX_SOURCE_BYTES: Final = 5 * 1024 * 1024
_SIMPLE: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "None": "null"}
_LISTS: Final = frozenset({"list", "List", "Sequence", "Iterable", "tuple", "Tuple", "set", "Set", "frozenset"})
_OBJECTS: Final = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_PATHS: Final = frozenset({"Path", "PurePath", "PathLike"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """`by_name` is false where it can only be given by position."""

    name: str
    annotation: str = ""
    schema: JsonObject = field(default_factory=dict)
    required: bool = True
    by_name: bool = True


@dataclass(frozen=True, slots=True)
class Function:
    """A function as its source declares it. `sure` is false where a decorator may have changed what it takes."""

    name: str
    parameters: tuple[Parameter, ...]
    takes_all: bool
    signature: str
    doc: str = ""
    sure: bool = True
    line: int = 0

    def schema(self) -> JsonObject:
        """Return the arguments as JSON Schema, described by the docstring's `Args:`."""
        described = _described(self.doc)
        properties: dict[str, Json] = {}
        for one in self.parameters:
            if one.by_name:
                description = {"description": described[one.name]} if one.name in described else {}
                properties[one.name] = {**one.schema, **description}
        return {
            "type": "object",
            "properties": properties,
            "required": [one.name for one in self.parameters if one.required and one.by_name],
            "additionalProperties": self.takes_all or not self.sure,
        }

    def summary(self) -> str:
        """Return the docstring's first paragraph, on one line."""
        return " ".join(self.doc.strip().partition("\n\n")[0].split())


@dataclass(frozen=True, slots=True)
class Module:
    """The names of a file's top level. `open`: a star import may bring more."""

    functions: dict[str, Function]
    names: frozenset[str]
    open: bool


def require_readable(path: Path, folder: Path | None = None) -> None:
    """Raise FileError if a file cannot be a module's source.

    Args:
        folder: the workflow's folder, if the workflow names the file; it must not lead out of it and its project.
    """
    if folder is not None:
        named_file(folder, os.path.relpath(path, folder))
    open_file(path, _MAX_SOURCE_BYTES).close()


def read(path: Path) -> Module:
    """Read a source file. Raise FileError, SyntaxError, or ValueError if it is not source text."""
    try:
        return _read(path, read_file(path, _MAX_SOURCE_BYTES))
    except (RecursionError, MemoryError):  # MemoryError: the parser's stack is full
        raise ValueError("the file is nested too deeply") from None


@lru_cache(maxsize=64)  # many tasks call functions of one file
def _read(path: Path, content: bytes) -> Module:
    tree = ast.parse(content, filename=str(path))
    functions: dict[str, Function] = {}
    names: set[str] = set()
    is_open = False
    for node in _top_level(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions[node.name] = _function(node)
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound = [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
            names.update(bound)
            is_open = is_open or "*" in bound
        else:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                if target is not None:
                    names.update(one.id for one in ast.walk(target) if isinstance(one, ast.Name))
    is_open = is_open or "__getattr__" in names
    return Module(functions, frozenset(names), is_open)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that bind names of the module, those under `if`, `try` and `with` too."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
                yield from _top_level(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from _top_level(handler.body)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    parameters: list[Parameter] = []
    positional = [*node.args.posonlyargs, *node.args.args]
    without_default = len(positional) - len(node.args.defaults)
    for number, argument in enumerate(positional):
        parameters.append(_parameter(argument, number < without_default, by_name=number >= len(node.args.posonlyargs)))
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        parameters.append(_parameter(argument, default is None, by_name=True))
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return Function(
        node.name,
        tuple(parameters),
        node.args.kwarg is not None,
        f"{node.name}({ast.unparse(node.args)}){returns}",
        ast.get_docstring(node) or "",
        not node.decorator_list,
        node.lineno,
    )


def _parameter(argument: ast.arg, required: bool, *, by_name: bool) -> Parameter:
    annotation = ast.unparse(argument.annotation) if argument.annotation else ""
    return Parameter(argument.arg, annotation, _schema(argument.annotation), required, by_name)


def _schema(node: ast.expr | None) -> JsonObject:
    """Return the JSON Schema of an annotation; {} if it is not known."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return {"type": "null"}
        if isinstance(node.value, str):
            try:
                return _schema(ast.parse(node.value, mode="eval").body)
            except (SyntaxError, ValueError):
                return {}
    name = _last_name(node)
    if name in _SIMPLE:
        return {"type": _SIMPLE[name]}
    if name in _PATHS:
        return {"type": "string"}
    if name in _LISTS:
        return {"type": "array"}
    if name in _OBJECTS:
        return {"type": "object"}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _any_of([node.left, node.right])
    if isinstance(node, ast.Subscript):
        return _generic(_last_name(node.value), node.slice)
    return {}


def _generic(name: str, inner: ast.expr) -> JsonObject:
    items = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
    if name == "Optional":
        return _any_of([*items, ast.Constant(None)])
    if name == "Union":
        return _any_of(items)
    if name == "Annotated":
        return _schema(items[0])
    if name == "Literal":
        values = [one.value for one in items if isinstance(one, ast.Constant)]
        return {"enum": values} if len(values) == len(items) else {}
    if name in _LISTS:
        one = _schema(items[0]) if len(items) == 1 or _is_ellipsis(items[-1]) else {}
        return {"type": "array", "items": one} if one else {"type": "array"}
    if name in _OBJECTS:
        one = _schema(items[1]) if len(items) == 2 else {}
        return {"type": "object", "additionalProperties": one} if one else {"type": "object"}
    return {}


def _any_of(nodes: list[ast.expr]) -> JsonObject:
    choices: list[JsonObject] = []
    for node in nodes:
        found = _schema(node)
        if not found:
            return {}
        choices += found.get("anyOf", [found])
    return {"anyOf": choices}


def _last_name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _described(doc: str) -> dict[str, str]:
    """Read `name: text` below `Args:`, with its continuation lines."""
    _, found, rest = doc.partition("Args:")
    if not found:
        return {}
    described: dict[str, str] = {}
    name = ""
    indent = -1
    for line in rest.splitlines()[1:]:
        if not line.strip():
            break
        depth = len(line) - len(line.lstrip())
        indent = depth if indent < 0 else indent
        entry = re.match(r"\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)", line)
        if depth < indent:
            break
        if depth == indent and entry:
            name = entry[1]
            described[name] = entry[2].strip()
        elif name:
            described[name] = f"{described[name]} {line.strip()}".strip()
    return described


_NODE_FUNCTION: Final = re.compile(
    r"(?:/\*\*(?P<doc>(?:(?!\*/).)*)\*/\s*)?"
    r"export\s+(?:async\s+)?function\s+(?P<name>[A-Za-z_$][\w$]*)\s*\(\s*(?:\{(?P<fields>[^{}()]*)\})?",
    re.DOTALL,
)


def read_node(path: Path) -> dict[str, Function]:
    """Return the functions that a Node module exports in the plainest way. Raise FileError."""
    text = read_file(path, _MAX_SOURCE_BYTES).decode("utf-8", "replace")
    functions: dict[str, Function] = {}
    for found in _NODE_FUNCTION.finditer(text):
        fields = [one.strip() for one in (found["fields"] or "").split(",") if one.strip()]
        parameters = tuple(
            Parameter(re.split(r"[\s:=?]", one)[0], required="=" not in one and "?" not in one)
            for one in fields
            if not one.startswith("...")
        )
        doc = "\n".join(line.strip().removeprefix("*").strip() for line in (found["doc"] or "").splitlines()).strip()
        functions[found["name"]] = Function(found["name"], parameters, True, found["name"], doc, sure=False)
    return functions
