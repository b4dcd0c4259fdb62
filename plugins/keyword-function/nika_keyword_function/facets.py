"""What is known of a function before it is called, and functions as an agent's tools."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nika_core.plugin import (
    Category,
    Effect,
    Facets,
    FileError,
    Json,
    JsonObject,
    Payload,
    Report,
    RuleField,
    Severity,
    StepContext,
    TaskError,
    Template,
    Tool,
    ToolSpec,
    codes,
)
from nika_core.toolbox.paths import path_within
from nika_keyword_function.preloading import COMMENT, misspelt
from nika_keyword_function.reference import HOW, NODE_SUFFIXES, Reference, parse
from nika_keyword_function.source import Function, read, read_node, require_readable

_MAX_TOOL_NAME: Final = 64
_OMITTED: Final = "omitted"  # names of arguments that a model has not given; for rules
_SUFFIXES: Final = frozenset({".py", *NODE_SUFFIXES})
_NUMBERS: Final = {"int": r"\s*[+-]?\d+\s*", "float": r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*"}


class FunctionFacets(Facets):
    """Pure: sources are read, never executed."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report a file or function that is not there, and arguments that do not fit its parameters."""
        args = payload.fields.get("args")
        if args is not None and not isinstance(args, Mapping | Template):
            report(
                "args is not an object, and arguments are passed by name",
                payload.at("args"),
                code=codes.BAD_PAYLOAD,
                hint="write args: {name: value}",
            )
            args = None
        text = payload.fields.get("reference")
        if isinstance(text, Template):
            report(
                "a value decides which code is called",
                payload.at("reference"),
                code=codes.UNSAFE_POSITION,
                hint="name the function, and give the value as an argument",
                severity=Severity.WARNING,
            )
        if not isinstance(text, str):
            return
        try:
            reference = parse(text)
        except ValueError as error:
            report(str(error), payload.at("reference"), code=codes.BAD_PAYLOAD, hint=HOW)
            return
        if reference.kind == "node":
            self._check_file(payload, report, reference)
            return
        function = self._function(payload, report, reference)
        if function is not None and function.sure and isinstance(args, Mapping):
            _check_arguments(payload, report, function, args)
        elif function is not None and function.sure and args is None:
            _check_arguments(payload, report, function, {})

    def files(self, payload: Payload) -> Sequence[Path]:
        """Return the function's source, if it is a file or a module of the workflow's folder."""
        text = payload.fields.get("reference")
        try:
            reference = parse(text) if isinstance(text, str) else None
        except ValueError:
            return ()
        return _own_source(reference, payload.folder)

    def tool_files(self, reference: str, payload: Payload) -> Sequence[Path]:
        """Return the file whose functions an entry of `allowedTools` stands for."""
        where, _, name = reference.rpartition("::")
        try:
            return _own_source(parse(f"{where}::x" if name == "*" else reference), payload.folder)
        except ValueError:
            return ()

    def _check_file(self, payload: Payload, report: Report, reference: Reference) -> Path | None:
        try:
            path = reference.path(payload.folder)
            if path is not None:
                require_readable(path, None if reference.kind == "module" else payload.folder)
                return path
        except FileError as error:
            what = "module" if reference.kind == "module" else "file"
            report(
                f"the {what} {reference.where} {error.reason}",
                payload.at("reference"),
                code=codes.BAD_PAYLOAD,
                hint=_fix(error, reference, payload.folder),
            )
            return None
        if not reference.module_is_known(payload.folder):
            report(
                f"there is no module '{reference.where}' here",
                payload.at("reference"),
                code=codes.BAD_PAYLOAD,
                hint="install it, correct its name, or write the path of a .py file",
                severity=Severity.WARNING,
            )
        return None

    def _function(self, payload: Payload, report: Report, reference: Reference) -> Function | None:
        path = self._check_file(payload, report, reference)
        if path is None:
            return None
        comment = misspelt(path)
        if comment is not None:
            report(
                f"{reference.where} has the comment '{comment[:80]}', which says nothing to Nika",
                payload.at("reference"),
                code=codes.BAD_PAYLOAD,
                hint=f"write `{COMMENT}`, or remove it",
                severity=Severity.WARNING,
            )
        try:
            module = read(path)
        except SyntaxError as error:
            report(
                f"{reference.where} is not valid Python: {error.msg} (line {error.lineno})",
                payload.at("reference"),
                code=codes.BAD_PAYLOAD,
            )
            return None
        except ValueError as error:
            report(f"{reference.where} cannot be read: {error}", payload.at("reference"), code=codes.BAD_PAYLOAD)
            return None
        first, _, rest = reference.name.partition(".")
        if first not in module.names and not module.open:
            near = get_close_matches(first, module.functions, 1)
            names = ", ".join(sorted(name for name in module.functions if not name.startswith("_"))[:10])
            report(
                f"{reference.where} has no function '{first}'",
                payload.at("reference"),
                code=codes.BAD_PAYLOAD,
                hint=f"did you mean {near[0]}?" if near else (f"it has {names}" if names else None),
            )
        return None if rest else module.functions.get(first)

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return the code that is called; what that touches is not known."""
        return (Effect("code", payload.text("reference") or ""),)

    def render(self, field: str, template: Template | str, values: Sequence[Json]) -> Json:
        """Return the reference. Raise TemplateValueError for a value that leads out of the workflow's folder."""
        return path_within(template, values, whole=False)

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a file or function that is not there."""
        try:
            _chosen(reference, payload.folder)
        except TaskError as error:
            report(error.message, payload.at(), code=error.code, hint=error.hint)

    def check_disallowed_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a file or function that is not there, and stars that match none."""
        if not reference or reference == "*":
            return
        where, _, name = reference.rpartition("::")
        if PurePosixPath(reference).suffix in _SUFFIXES:  # all functions of a file
            where, name = reference, "*"
        try:
            if "*" not in where:
                parsed, functions = _chosen(f"{where}::{'*' if '*' in name else name}", payload.folder)
                if parsed.kind != "node" and not any(fnmatchcase(one.name, _only_stars(name)) for one in functions):
                    raise _no_tool(reference, f"{where} has no function '{name}'", None)
                if parsed.where != where:
                    hint = f"write function::{parsed.where}::{name}"
                    raise _no_tool(reference, f"a tool's path is {parsed.where}", hint)
            elif PurePosixPath(where).suffix in _SUFFIXES and not any(payload.folder.glob(_only_stars(where))):
                raise _no_tool(reference, f"no file matches {where}", "paths are relative to the workflow's folder")
        except TaskError as error:
            report(error.message, payload.at(), code=error.code, hint=error.hint)

    def rule_fields(self) -> Mapping[str, RuleField]:
        """Return `args`: globs over those arguments that are paths."""
        return {"args": RuleField.PATHS}

    def call_fields(self, payload: JsonObject) -> Mapping[str, Json]:
        """Return the arguments of a call; what is left out has a value that only the tool knows."""
        args: Any = payload.get("args") or {}
        omitted: Any = payload.get(_OMITTED, ())
        return {"args": {**dict.fromkeys(omitted), **args}}

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        """Return the tools of `function::path/to/file.py::name`, or of `::*`, for all its public functions."""
        parsed, chosen = await asyncio.to_thread(_chosen, reference, context.folder)
        return tuple(_tool(parsed, one) for one in chosen)


def _only_stars(pattern: str) -> str:
    """Return a pattern in which only a star stands for other characters, as the names of tools have it."""
    return re.sub(r"[?[]", r"[\g<0>]", pattern)


def _chosen(reference: str, folder: Path) -> tuple[Reference, Sequence[Function]]:
    """Return the functions that an entry of `allowedTools` stands for. Raise TaskError (config)."""
    if reference in ("", "*"):
        raise _no_tool(reference, "it names no file", "write function::path/to/file.py::name, or ::* for all of it")
    where, _, name = reference.rpartition("::")
    everything = name == "*"
    try:
        parsed = parse(f"{where}::x" if everything else reference)
        if parsed.kind != "module":  # one name for one tool, so that it can be disallowed
            parsed = replace(parsed, where=os.path.normpath(parsed.where))
    except ValueError as error:
        raise _no_tool(reference, str(error), HOW) from None
    functions = _functions(parsed, folder)
    if everything:
        chosen = [one for one in functions.values() if not one.name.startswith("_")]
    elif name in functions:
        chosen = [functions[name]]
    elif parsed.kind == "node":
        chosen = [Function(name, (), True, name, sure=False)]
    else:
        near = get_close_matches(name, functions, 1)
        raise _no_tool(reference, f"{where} has no function '{name}'", f"did you mean {near[0]}?" if near else None)
    return parsed, chosen


def _functions(reference: Reference, folder: Path) -> Mapping[str, Function]:
    whole = f"{reference.where}::{reference.name}"
    try:
        path = reference.path(folder)
        if path is None:
            raise _no_tool(whole, f"{reference.where} does not exist", "install it, or name a file of Python")
        require_readable(path, None if reference.kind == "module" else folder)
    except FileError as error:
        raise _no_tool(whole, f"{reference.where} {error.reason}", _fix(error, reference, folder)) from None
    try:
        return read_node(path) if reference.kind == "node" else read(path).functions
    except (SyntaxError, ValueError) as error:
        raise _no_tool(whole, f"{reference.where} cannot be read: {error}", None) from None


def _tool(reference: Reference, function: Function) -> Tool:
    whole = f"{reference.where}::{function.name}"

    def payload(arguments: JsonObject) -> JsonObject:
        known = [one.name for one in function.parameters if one.by_name]
        if function.sure and not function.takes_all:
            for name in arguments:
                if name not in known:
                    raise ValueError(f"{function.name} has no argument '{name}'; it is {function.signature}")
        for one in function.parameters:
            if function.sure and one.required and one.by_name and one.name not in arguments:
                raise ValueError(f"{function.name} needs the argument '{one.name}'; it is {function.signature}")
        omitted = [name for name in known if name not in arguments]
        return {"reference": whole, "args": dict(arguments)} | ({_OMITTED: omitted} if omitted else {})

    description = function.summary() or f"Calls {function.signature}."
    return Tool(f"function::{whole}", "function", ToolSpec(_tool_name(whole), description, function.schema()), payload)


def _tool_name(whole: str) -> str:
    """Return the name of the tool: `tools/text.py::count` is `tools_text_count`."""
    where, _, name = whole.rpartition("::")
    clean = re.sub(r"[^A-Za-z0-9_-]+", "_", f"{re.sub(r'[.](py|m?js|ts)$', '', where)}_{name}").strip("_")
    if len(clean) <= _MAX_TOOL_NAME:
        return clean
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{clean[-(_MAX_TOOL_NAME - 9) :]}_{digest}"


def _check_arguments(payload: Payload, report: Report, function: Function, args: Mapping[str, Json]) -> None:
    known = {one.name: one for one in function.parameters}
    for name, value in args.items():
        one = known.get(name)
        if one is None and not function.takes_all:
            near = get_close_matches(name, known, 1)
            report(
                f"{function.name} has no parameter '{name}'",
                payload.at("args", name),
                code=codes.BAD_PAYLOAD,
                hint=f"did you mean {near[0]}?" if near else f"it is {function.signature}",
            )
        elif one is not None and isinstance(value, str) and not _may_be(one.annotation, value):
            report(
                f"'{name}' of {function.name} is {one.annotation}, and this is not a number",
                payload.at("args", name),
                code=codes.BAD_PAYLOAD,
                hint=f"it is {function.signature}",
            )
    for one in function.parameters:
        if one.required and not one.by_name:
            report(
                f"'{one.name}' of {function.name} can only be given by position, and arguments are passed by name",
                payload.at("reference"),
                code=codes.BAD_PAYLOAD,
                hint="call a function without `/` in its parameters",
            )
        elif one.required and one.name not in args:
            report(
                f"the argument '{one.name}' of {function.name} is missing",
                payload.at("args") if args else payload.at("reference"),
                code=codes.BAD_PAYLOAD,
                hint=f"it is {function.signature}",
            )


def _may_be(annotation: str, text: str) -> bool:
    return annotation not in _NUMBERS or re.fullmatch(_NUMBERS[annotation], text) is not None


def _own_source(reference: Reference | None, folder: Path) -> Sequence[Path]:
    """Return the source that a reference means, if it is a file or a module of the workflow's folder."""
    try:
        path = reference.path(folder) if reference else None
    except FileError:
        return ()
    if path is None or reference is None:
        return ()
    own = reference.kind != "module" or path.absolute().is_relative_to(folder.absolute())
    return (path,) if own else ()


def _fix(error: FileError, reference: Reference, folder: Path) -> str:
    """Return what to do about a source that cannot be read. Only the folder of a missing file is looked into."""
    near = _near_file(folder, reference.where) if error.missing else None
    if near:
        return f"did you mean {near}?"
    return (not error.missing and error.hint) or "paths are relative to the workflow's folder"


def _near_file(folder: Path, where: str) -> str | None:
    parent = (folder / where).parent
    try:
        names = [one.name for one in parent.iterdir() if one.is_file()][:1000]
    except OSError:
        return None
    near = get_close_matches(Path(where).name, names, 1)
    return str(Path(where).parent / near[0]) if near else None


def _no_tool(reference: str, why: str, hint: str | None) -> TaskError:
    return TaskError(
        f"there is no tool function::{reference}: {why}", category=Category.CONFIG, code=codes.UNKNOWN_TOOL, hint=hint
    )
