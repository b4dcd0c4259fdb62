"""Python's docstrings, signatures and types as Markdown, for `docs/generate.py`."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

_SECTION = re.compile(r"^(Attributes|Args|Raises):\n((?:[ \t]+.*\n|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"([\w, ]+?): (.*)", re.DOTALL)


def parts(doc: str) -> tuple[str, dict[str, list[tuple[str, str]]]]:
    """Return a docstring's text, and the entries of its sections."""
    text = inspect.cleandoc(doc) + "\n"
    sections: dict[str, list[tuple[str, str]]] = {}
    for found in _SECTION.finditer(text):
        entries: list[str] = []
        for line in textwrap.dedent(found[2]).splitlines():
            if line.startswith(" ") and entries:
                entries[-1] += " " + line.strip()
            elif line.strip():
                entries.append(line.strip())
        matched = [(_ENTRY.fullmatch(entry), entry) for entry in entries]
        sections[found[1]] = [(match[1], match[2]) if match else ("", entry) for match, entry in matched]
    return _SECTION.sub("", text).strip(), sections


def cell(text: str) -> str:
    """Return a text for a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def raises(entries: Iterable[tuple[str, str]]) -> str:
    """One sentence."""
    return "Raises " + "; ".join(f"`{name}`: {text}" if name else text for name, text in entries)


def signature(function: Any, name: str) -> str:
    """Without `self`."""
    made = inspect.signature(function)
    kept = [value for key, value in made.parameters.items() if key != "self"]
    written = str(made.replace(parameters=kept)).replace("'", "")
    shown = re.sub(r"<(?:function )?(\w+(?:\.\w+)?)(?:: [^>]*| at 0x\w+)>", r"\1", written)
    start = "async " if inspect.iscoroutinefunction(function) else ""
    return f"{start}{name}{shown}"


def described_function(function: Any, name: str, level: str) -> Iterator[str]:
    """Yield a heading, the signature, the docstring."""
    yield f"{level} {name}\n"
    yield f"```python\n{signature(function, name)}\n```\n"
    text, sections = parts(inspect.getdoc(function) or "")
    yield f"{text}\n"
    if "Args" in sections:
        yield "| argument | meaning |\n|---|---|"
        yield "\n".join(f"| `{key}` | {cell(value)} |" for key, value in sections["Args"]) + "\n"
    if "Raises" in sections:
        yield raises(sections["Raises"]) + "\n"


def defaults(cls: type) -> dict[str, str]:
    """Of a dataclass, by field; empty where there is none."""
    if not dataclasses.is_dataclass(cls):
        return {}
    found = {}
    for field in dataclasses.fields(cls):
        if inspect.isfunction(field.default):
            found[field.name] = ""  # its name says nothing to a reader
        elif field.default is not dataclasses.MISSING:
            default = field.default
            found[field.name] = str(default.value) if isinstance(default, enum.Enum) else repr(default)
        elif field.default_factory is not dataclasses.MISSING:
            made = field.default_factory
            found[field.name] = (
                repr(made()) if isinstance(made, type) else f"{made.__qualname__}()"
            )  # else of this machine
        else:
            found[field.name] = ""
    return found


def annotations(cls: type) -> dict[str, str]:
    """Return the types of fields and properties."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        found.update({key: _type_text(value) for key, value in vars(each).get("__annotations__", {}).items()})
        for name, value in vars(each).items():
            if isinstance(value, property) and value.fget is not None:
                found[name] = str(value.fget.__annotations__.get("return", ""))
    return found


def _type_text(annotation: Any) -> str:
    return str(getattr(annotation, "__forward_arg__", annotation))


def described_class(cls: type, name: str, level: str) -> Iterator[str]:
    """Yield a heading, the docstring, fields, methods; for a kit its rules."""
    yield f"{level} {name}\n"
    text, sections = parts(cls.__doc__ or "")
    yield f"{text}\n"
    if issubclass(cls, enum.Enum):
        yield ", ".join(f"`{member.name}` (`{member.value}`)" for member in cls) + "\n"
        return
    kinds, given = annotations(cls), defaults(cls)
    if "Attributes" in sections:
        yield "| field | type | default | meaning |\n|---|---|---|---|"
        for keys, value in sections["Attributes"]:
            for key in keys.split(", "):
                default = f"`{cell(given[key])}`" if given.get(key) else ""
                kind = (
                    cell(kinds.get(key, ""))
                    .replace("ClassVar[", "")
                    .removesuffix("]" * ("ClassVar" in kinds.get(key, "")))
                )
                yield f"| `{key}` | `{kind}` | {default} | {cell(value)} |"
        yield ""
    for method, value in vars(cls).items():
        if method.startswith(("_", "test_")) and method != "__call__":
            continue
        if isinstance(value, property):
            if value.__doc__ and method not in {
                key for keys, _ in sections.get("Attributes", []) for key in keys.split(", ")
            }:
                yield f"**`{method}`** {inspect.cleandoc(value.__doc__)}\n"
        elif inspect.isfunction(value):
            yield f"```python\n{signature(value, method)}\n```\n"
            told, inside = parts(inspect.getdoc(getattr(cls, method)) or "")
            yield f"{told}\n" if told else ""
            if "Args" in inside:
                yield "\n".join(f"- `{key}`: {value}" for key, value in inside["Args"]) + "\n"
            if "Raises" in inside:
                yield raises(inside["Raises"]) + "\n"
    rules = [method for method in vars(cls) if method.startswith("test_")]
    if rules:
        yield "It holds these rules:\n"
        yield "\n".join(f"- {rule.removeprefix('test_').replace('_', ' ')}" for rule in rules) + "\n"


def described(module: str, names: Iterable[str], level: str = "###") -> Iterator[str]:
    """Classes and functions of a module."""
    for name in names:
        found = getattr(importlib.import_module(module), name)
        if inspect.isclass(found):
            yield from described_class(found, name, level)
        elif inspect.isroutine(found) and name != "hookimpl":
            yield from described_function(found, name, level)


def module_text(module: str) -> str:
    """Return the docstring of a module, its examples as code."""
    text, _ = parts(importlib.import_module(module).__doc__ or "")
    return re.sub(r"\n\n((?: {4}.*(?:\n|$)|\n)+)", _as_code, text) + "\n"


def _as_code(match: re.Match[str]) -> str:
    return f"\n\n```python\n{textwrap.dedent(match[1]).strip()}\n```\n\n"
