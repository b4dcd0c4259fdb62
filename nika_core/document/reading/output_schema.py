"""The JSON Schema under a task's `output`, written there or in a file of its own, and whether it is one: known
before a model is paid for an answer to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from nika_core.document.validation.issues import ValidationIssue
from nika_core.document.validation.known_json_schemas import is_plain_schema
from nika_core.model.files import MAX_BYTES, FileError, read_json
from nika_core.model.limits import Limit
from nika_core.model.named_files import named_file

_MAX_NODES: Final = 2000  # mappings and lists of one schema; a larger one is checked when its task runs
_DATA: Final = frozenset({"const", "default", "enum", "example", "examples"})  # keywords that hold values, not schemas
_MAX_MESSAGE: Final = 300  # characters of a validator's message, which repeats the value
AS_FILE: Final = "write it out here, or name a file of JSON, relative to the workflow's folder"
_HINT: Final = "see json-schema.org; only references within it (`#/...`) are followed"


def read_schema(folder: Path, name: str, limit: Limit | None) -> dict[str, Any] | ValidationIssue:
    """Return the schema in a JSON file, or what is wrong with the file or the schema. `limit`: of the file's bytes."""
    try:
        schema = read_json(named_file(folder, name), MAX_BYTES if limit is None else int(limit.value))
    except FileError as error:
        return _of_file(name, error.reason, error.hint or AS_FILE)
    if not isinstance(schema, dict):
        return _of_file(name, "holds no object", _HINT)
    issue = schema_issue(schema)
    return schema if issue is None else _of_file(name, f"is refused: {issue.message}", issue.hint)


def _of_file(name: str, why: str, hint: str | None) -> ValidationIssue:
    return ValidationIssue(f"the schema's file `{name}` {why}", hint, ["schema", "output"])


def schema_issue(schema: dict[str, Any]) -> ValidationIssue | None:
    """Return what is wrong with a schema; None if nothing is, or if it is too large to check before the run."""
    if is_plain_schema(schema):
        return None
    nodes = []
    for path, node in _nodes(schema):
        nodes.append((path, node))
        if len(nodes) > _MAX_NODES:
            return None
    for path, node in nodes:
        why = _node_error(schema, node)
        if why is not None:
            return _fault(why[0], (*path, why[1]))
    return _against_its_draft(schema)


def _against_its_draft(schema: dict[str, Any]) -> ValidationIssue | None:
    import jsonschema  # takes 60 ms, so it is only imported for a schema

    draft = schema.get("$schema", "")
    if not isinstance(draft, str):
        return _fault("`$schema` is not text", ("$schema",))
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        return _fault(error.message, tuple(error.absolute_path))
    except RecursionError:
        return None
    return None


def _nodes(schema: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Yield the schema's mappings with their paths, without those that are values."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), schema)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict):
            yield path, node
            waiting.extend(((*path, key), value) for key, value in node.items() if key not in _DATA)
        elif isinstance(node, list):
            waiting.extend(((*path, index), value) for index, value in enumerate(node))


def _node_error(schema: dict[str, Any], node: dict[str, Any]) -> tuple[str, str] | None:
    """Return what no metaschema sees: invalid regular expressions, and references without a target."""
    pattern, reference = node.get("pattern"), node.get("$ref")
    if isinstance(pattern, str):
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            return f"`{pattern}` is not a regular expression: {error}", "pattern"
    if isinstance(reference, str) and not _has_target(schema, reference):
        return f"the reference `{reference}` has no target in this schema", "$ref"
    return None


def _has_target(schema: dict[str, Any], reference: str) -> bool:
    """Return whether a reference has a target; True for `$id` and `$anchor`, which only a validator follows."""
    if not reference.startswith("#/"):
        return reference == "#" or _has_identifiers(schema)
    at: Any = schema
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and key in at:
            at = at[key]
        elif isinstance(at, list) and key.isdecimal() and int(key) < len(at):
            at = at[int(key)]
        else:
            return "%" in part or _has_identifiers(schema)
    return True


def _has_identifiers(schema: dict[str, Any]) -> bool:
    return any(not {"$id", "id", "$anchor", "$dynamicAnchor"}.isdisjoint(node) for _, node in _nodes(schema))


def _fault(why: str, path: tuple[str | int, ...]) -> ValidationIssue:
    message = why if len(why) <= _MAX_MESSAGE else why[: _MAX_MESSAGE - 1] + "…"
    return ValidationIssue(f"the schema is not valid: {message}", _HINT, [*reversed(path), "schema", "output"])
