"""What is known of a shell task before it runs, and the keyword as an agent's tool."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nika_core.plugin import (
    Category,
    Effect,
    Facets,
    Json,
    JsonObject,
    Payload,
    PayloadValue,
    Place,
    Report,
    RuleField,
    Severity,
    StepContext,
    TaskError,
    Template,
    Tool,
    ToolSpec,
    codes,
    is_folder,
)
from nika_keyword_shell.analysis import STDIN, env_source, scan, scan_arguments
from nika_keyword_shell.plain_words import plain_words
from nika_keyword_shell.script import MAX_VARIABLE_BYTES, how_else, literals, put_together
from nika_keyword_shell.variables import why_obeyed
from nika_keyword_shell.working_folder import working_folder

_ARGUMENTS: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "description": "A command line for /bin/sh"},
        "argv": {
            "type": "array",
            "items": {"type": "string"},
            "description": "A program and its arguments, run without a shell, instead of command",
        },
        "workingDir": {"type": "string", "description": "Where to run it; default: the workflow's folder"},
        "stdin": {"type": "string", "description": "Text for its standard input"},
    },
    "additionalProperties": False,
}
_CAPTURED: Final[JsonObject] = {
    "type": "object",
    "properties": {"exitCode": {"type": "integer"}, "stdout": {"type": "string"}, "stderr": {"type": "string"}},
    "required": ["exitCode", "stdout", "stderr"],
    "additionalProperties": False,
}
_WHOLE: Final = ("", "*")  # references that mean the one tool there is
_ALONE: Final = "write shell alone"


class ShellFacets(Facets):
    """Pure: nothing here runs anything."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report values in unsafe positions, both or none of command and argv, bad names and folders."""
        fields = payload.fields
        if "command" in fields and "argv" in fields:
            report(
                "command and argv are both given, and only one can be run",
                payload.at("argv"),
                code=codes.BAD_PAYLOAD,
                hint="keep command for a shell, or argv for a program without one",
            )
        elif "command" not in fields and "argv" not in fields:
            report(
                "there is nothing to run",
                payload.at("shell"),
                code=codes.BAD_PAYLOAD,
                hint="write shell: npm test, or shell: {command: ...}, or shell: {argv: [...]}",
            )
        for text in (fields.get("command"), *_listed(fields.get("argv"))):
            written = text.text if isinstance(text, Template) else text
            if isinstance(written, str) and len(written.encode("utf-8", "replace")) >= MAX_VARIABLE_BYTES:
                report(
                    f"a command or argument has less than {MAX_VARIABLE_BYTES} bytes, and this one has more",
                    payload.at("command" if text is fields.get("command") else "argv"),
                    code=codes.BAD_PAYLOAD,
                    hint="put the script into a file and run that, or give the data through stdin",
                )
                return
        for field in ("command", "argv"):
            value: Any = fields.get(field, "")
            first = value[0] if isinstance(value, list | tuple) and value else value
            if field in fields and isinstance(first, str) and not first.strip():
                report(f"{field} is empty", payload.at(field), code=codes.BAD_PAYLOAD, hint="write a command")
        self._check_values(payload, report)
        self._check_env(payload, report)
        folder = fields.get("workingDir")
        if not isinstance(folder, str):  # none, or one that is known later
            return
        path = payload.folder / folder
        if os.path.lexists(path) and not is_folder(path):
            report(f"workingDir {folder} is not a folder", payload.at("workingDir"), code=codes.BAD_PAYLOAD)

    def _check_values(self, payload: Payload, report: Report) -> None:
        """Report values that a shell or another program evaluates."""
        fields = payload.fields
        command, argv = fields.get("command"), _listed(fields.get("argv"))
        placed = [(argument, index) for index, argument in enumerate(argv) if isinstance(argument, str | Template)]
        env = fields.get("env")
        named = [name for name, value in env.items() if has_value(value)] if isinstance(env, Mapping) else []
        has_values = isinstance(command, Template) or any(isinstance(argument, Template) for argument, _ in placed)
        stdin = has_value(fields.get("stdin"))
        has_values = has_values or stdin or bool(named)
        if fields.get("trust") is True:
            report(
                "trust: true lets values become code, and puts those in `command` there as text"
                if has_values
                else "trust: true does nothing here: there is no placeholder",
                payload.at("trust"),
                code=codes.TRUSTED_TEXT,
                hint="leave it out; a value then reaches the command as data",
                severity=Severity.WARNING,
            )
            return
        if not has_values:
            return
        for name in named:
            if obeyed := why_obeyed(name):
                _report(payload.at("env", name), f"{name} in env", *obeyed, report)
        if isinstance(command, str | Template):
            places = [
                (one, ("command", one.start)) for one in (command.placeholders if isinstance(command, Template) else ())
            ]
            findings = scan(literals(command), named, stdin=stdin).findings
        else:
            places = [
                (one, ("argv", index))
                for argument, index in placed
                if isinstance(argument, Template)
                for one in argument.placeholders
            ]
            findings = scan_arguments([literals(argument) for argument, _ in placed], named, stdin=stdin).findings
        for finding in findings:
            if isinstance(finding.mark, int):
                placeholder, path = places[finding.mark]
                place = payload.at(*path)
                if place.column is not None and "command" in fields and "\n" not in placeholder.text:
                    place = replace(place, end_column=place.column + len(placeholder.text))
                what = placeholder.text
            elif (variable := env_source(finding.mark)) is not None:
                what, place = f"{variable} in env", payload.at("env", variable)
            else:
                what, place = STDIN, payload.at(STDIN)
            _report(place, what, finding.why, finding.fatal, report)

    def _check_env(self, payload: Payload, report: Report) -> None:
        env = payload.fields.get("env")
        for name in env if isinstance(env, Mapping) else ():
            if not name or "=" in name or "\0" in name:
                report(
                    f"'{name}' cannot be the name of an environment variable",
                    payload.at("env", name),
                    code=codes.BAD_PAYLOAD,
                )

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return the command as its author wrote it, and where it runs."""
        fields = payload.fields
        argv = fields.get("argv")
        if isinstance(argv, Sequence) and not isinstance(argv, str):
            command = " ".join(word.text if isinstance(word, Template) else shlex.quote(str(word)) for word in argv)
        else:
            whole = self.redact(fields).get("command") if isinstance(fields.get("command"), Mapping) else None
            script = whole.get("script") if isinstance(whole, Mapping) else whole
            command = str(script) if script is not None else payload.text("command") or ""
        folder = fields.get("workingDir", ".")
        return (
            Effect("process", command.strip()),
            Effect("path", folder.text if isinstance(folder, Template) else str(folder)),
        )

    def output_schema(self, fields: Mapping[str, PayloadValue]) -> JsonObject | None:
        """Return what `capture: json` returns."""
        return _CAPTURED if fields.get("capture") == "json" else None

    def mock(self, payload: JsonObject) -> Json:
        """Return an empty success."""
        if payload.get("capture") == "json":
            return {"exitCode": 0, "stdout": "", "stderr": ""}
        return ""

    def redact(self, payload: JsonObject) -> JsonObject:
        """Return the command in the one form in which it runs."""
        command = payload.get("command")
        if not isinstance(command, Mapping):
            return payload
        if payload.get("trust") or not command.get("values"):
            return {**payload, "command": command.get("text", command.get("script"))}
        return {**payload, "command": {key: command[key] for key in ("script", "values") if key in command}}

    def render(self, field: str, template: Template | str, values: Sequence[Json]) -> Json:
        """Return the command as a script without values and its values as variables, and workingDir as a path."""
        if field == "workingDir":
            return working_folder(template, values)
        return put_together(template, values)

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a reference: shell is one tool, and has none below it."""
        if reference not in _WHOLE:
            report(_no_tool(reference), payload.at(), code=codes.UNKNOWN_TOOL, hint=_ALONE)

    def check_disallowed_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a reference, with stars or without."""
        self.check_tool(reference, payload, report)

    def rule_fields(self) -> Mapping[str, RuleField]:
        """Return `argv`: the words of a command without operators."""
        return {"argv": RuleField.WORDS}

    def call_fields(self, payload: JsonObject) -> Mapping[str, Json]:
        """Return the words of a call, unless a shell makes more of them than they say."""
        words = plain_words(payload)
        return {} if words is None else {"argv": words}

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        """Return the tool `shell`: the model's own command lines. Allowing it means allowing them."""
        if reference not in _WHOLE:
            raise TaskError(_no_tool(reference), category=Category.CONFIG, code=codes.UNKNOWN_TOOL, hint=_ALONE)
        description = "Run a command on the user's machine and get its output and exit code."
        return (Tool("shell", "shell", ToolSpec("shell", description, _ARGUMENTS), _payload),)


def _report(place: Place, what: str, why: str, fatal: bool, report: Report) -> None:
    message = f"the value of {what} cannot be kept from becoming code here: {why}" if fatal else f"{what}: {why}"
    severity = Severity.ERROR if fatal else Severity.WARNING
    report(message, place, code=codes.UNSAFE_POSITION, hint=how_else(), severity=severity)


def has_value(written: object) -> bool:
    """Return whether a placeholder stands anywhere in a field."""
    if isinstance(written, Mapping):
        return any(map(has_value, written.values()))
    if isinstance(written, list | tuple):
        return any(map(has_value, written))
    return isinstance(written, Template)


def _no_tool(reference: str) -> str:
    return f"there is no tool shell::{reference}"


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _payload(arguments: JsonObject) -> JsonObject:
    """Return a model's arguments as a payload. Raise ValueError with a sentence for the model."""
    given = {name: value for name, value in arguments.items() if value is not None}
    unknown = sorted(set(given) - set(_ARGUMENTS["properties"]))
    if unknown:
        raise ValueError(f"shell has no argument '{unknown[0]}'; it has {', '.join(_ARGUMENTS['properties'])}")
    if ("command" in given) == ("argv" in given):
        raise ValueError("give either command (a text) or argv (a list of texts)")
    for name in ("command", "workingDir", "stdin"):
        if not isinstance(given.get(name, ""), str):
            raise ValueError(f"{name} is a text")
    argv = given.get("argv")
    if argv is not None and not (isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)):
        raise ValueError("argv is a list of texts: a program and its arguments")
    payload: dict[str, Json] = {**given, "capture": "json"}
    if "command" in given:
        payload["command"] = put_together(given["command"], ())
    return payload
