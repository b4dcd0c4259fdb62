"""The JSON Schema of a workflow with the installed plugins, for editors: draft 7, as VS Code's YAML extension takes it.

A schema checks types and names, but nothing that needs the whole document: references, cycles, duplicate ids. An
editor's YAML reader gives scalars types (`3.10` is a number), so wherever the language has a text, numbers are allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import strictyaml
from strictyaml.compound import MapCombined

from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.document.reading import workflow_schema
from nika_core.errors import PluginError
from nika_core.model.workflow import OnError
from nika_core.plugin import Keyword, RuleField
from nika_core.plugin.fields import BoundedFloat, Duration, NonEmptyStr, PositiveInt, Scalar, StrictBool, strict
from nika_core.plugin.fields.strict_classes import CheckedValidator, DocumentedMap, ScalarOf, TemplatedValidator

_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_TEXT: Final = {"type": ["string", "number", "boolean", "null"]}  # as an editor types a plain scalar
_LITERAL: Final = r"(true|false|null|(0|[1-9][0-9]*)([eE]-?[0-9]+)?)$"
_TOOL_LISTS: Final = ("allowedTools", "disallowedTools", "askTools")
_RULE_FIELDS: Final[Mapping[RuleField, Any]] = {
    RuleField.TEXT: _TEXT,
    RuleField.WORDS: {"type": "array", "items": _TEXT, "minItems": 1},
    RuleField.PATHS: {"type": "object", "additionalProperties": _TEXT, "minProperties": 1},
}
_INNER: Final = "inner workflow"  # no word has a space
_ID: Final = rf"^(?!{_LITERAL})[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$"

_DOCS: Final = {
    "name": "The workflow's name; without it, the name of its file.",
    "description": "What the workflow is for.",
    "inputs": "The inputs of a run. Without this key, any input is accepted, as text.",
    "outputs": "The workflow's output: one template, or an object of templates, instead of agent.output.",
    "agent": "Settings for all tasks that ask a model.",
    "tasks": "The tasks; each has an id and exactly one keyword.",
    "flows": "Edges of the graph that carry no data: order and conditions.",
    "workflows": "Workflows that tasks of this file stand for, by name. One without `agent` uses its caller's.",
    "id": "Letters, digits, - and _; unique.",
    "timeout": "How long one attempt of a task, or a whole run, may take: 250ms, 10s, 5m, 1h, 7d, or seconds.",
    "idleTimeout": "How long a task's step may go on without output, a tool call or a piece of a model's reply.",
    "env": "Environment variables for every process that a task starts; a task's own env comes first.",
    "when": "A condition: the task is skipped if it is false.",
    "retry": "max: attempts in total; backoff: the wait before the second one.",
    "onError": "fail (the default); continue: the run does not fail, and what reads this task with ?? still runs; or "
    "{value: ...}, which stands in for the output.",
    "always": "Cleanup: the task runs once what it waits for has ended, however it ended, even if the run is stopped.",
    "cache": "Whether a result of an earlier run with the same definition, payload and files is taken instead: "
    "true, or {for: 7d}, which is how old it may be.",
    "output": "format: text (the default), lines (a list of the lines) or json; schema: a JSON Schema, written "
    "here or the name of a JSON file.",
    "allowedTools": "The tools that the task may use.",
    "disallowedTools": "The tools that the task may not use.",
    "askTools": "The tools whose calls a person has to approve first.",
    "forEach": "A list, or a template of one: the task is done for each item, which is ${each.item} in it.",
    "repeat": "The task is done again until a condition holds; in it the task's own id is the round's output.",
    "mode": "strict follows the graph; agentic asks the main agent what to do when a task has failed its last attempt.",
}
_AGENT_DOCS: Final = {
    "model": "The model that tasks use.",
    "fallback": "Models that are asked in order if the model cannot answer now (overloaded, rate limited, not "
    "reachable, too slow); PROVIDER/NAME is one of another provider.",
    "options": "Options of the provider's own, for its models; not for a fallback of another provider.",
    "provider": "The service that runs the model; without it, the provider that claims the model's name.",
    "systemPrompt": "The system prompt of every conversation.",
    "systemPromptFile": "A file with the system prompt, relative to the workflow's folder.",
    "mode": _DOCS["mode"],
    "maxTurns": "The maximum number of the model's answers in one task.",
    "maxBudgetUsd": "The maximum cost of a run, in US dollars.",
    "maxTokens": "The maximum number of tokens in one answer.",
    "temperature": "0 to 2, if the model accepts it.",
    "cachePrompt": "Whether providers that can cache prompts are asked to: true (the default) or false.",
    "effort": "How much models think before they answer, if they can be asked: low, medium or high.",
    "allowedTools": _DOCS["allowedTools"],
    "disallowedTools": _DOCS["disallowedTools"],
    "askTools": _DOCS["askTools"],
    "output": "The id of the task whose output is the workflow's output.",
    "overflow": "What to do if a conversation no longer fits the model: refuse, or summarize it.",
}


def workflow_json_schema(catalog: PluginCatalog) -> dict[str, Any]:
    """Return the schema. A keyword whose plugin cannot be loaded takes any payload."""
    words = sorted(catalog.keywords())
    payloads: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for word in words:
        try:
            payloads[word] = _payload(catalog.keyword(word))
        except PluginError as error:
            payloads[word] = {"description": error.message}
        properties[word] = {"$ref": f"#/definitions/{word}"}
    task: dict[str, Any] = {
        "type": "object",
        "required": ["id"],
        "properties": {**_task_properties(), **properties},
        "additionalProperties": False,
        "oneOf": [{"required": [word]} for word in words] or [{"not": {}}],
    }
    root = {**_root_properties(), **_sections(catalog)}
    inner = {
        "type": "object",
        "required": ["tasks"],
        "properties": {key: schema for key, schema in root.items() if key not in workflow_schema.NOT_INNER},
        "additionalProperties": False,
    }
    entry = _tool_entry(catalog)
    for lists in (root["agent"]["properties"], task["properties"]):
        for key in _TOOL_LISTS:
            lists[key] = {**lists[key], "items": entry}
    return {
        "$schema": _DRAFT,
        "title": "Nika workflow",
        "type": "object",
        "required": ["tasks"],
        "properties": root,
        "additionalProperties": False,
        "definitions": {"task": task, _INNER: inner, **payloads},
    }


def _tool_entry(catalog: PluginCatalog) -> dict[str, Any]:
    """Return the schema of an entry of a list of tools: a name, or a rule with the fields of some keyword."""
    properties: dict[str, Any] = {"tool": {**schema_of(NonEmptyStr()), "description": "The name of the tools."}}
    for word in sorted(catalog.keywords()):
        try:
            kinds = catalog.facets(word).rule_fields()
        except PluginError:
            continue
        for name, kind in kinds.items():
            schemas = [each for each in properties.get(name, {}).get("anyOf", []) if each != _RULE_FIELDS[kind]]
            properties[name] = {"anyOf": [*schemas, _RULE_FIELDS[kind]]}
    rule = {"type": "object", "required": ["tool"], "properties": properties, "additionalProperties": False}
    return {"anyOf": [schema_of(NonEmptyStr()), rule]}


def _root_properties() -> dict[str, Any]:
    schemas = {key: schema_of(validator) for key, validator in workflow_schema.ROOT.items() if validator is not None}
    schemas["agent"] = _with_docs(schemas["agent"], _AGENT_DOCS)
    schemas["tasks"] = {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/task"}}
    schemas["flows"] = {"anyOf": [{"type": "array", "items": schema_of(workflow_schema.FLOW)}, {"type": "null"}]}
    inner = {"type": "object", "additionalProperties": {"$ref": f"#/definitions/{_INNER}"}}
    schemas["workflows"] = {"anyOf": [inner, {"type": "null"}]}
    return {key: {**schema, "description": _DOCS[key]} for key, schema in schemas.items()}


def _task_properties() -> dict[str, Any]:
    schemas = {key: schema_of(validator) for key, validator in workflow_schema.TASK.items()}
    schemas["id"] = {"type": ["string", "integer"], "pattern": _ID}
    schemas["output"] = {"anyOf": [schemas["output"], {"const": "lines"}]}
    value = {"type": "object", "required": ["value"], "properties": {"value": {}}, "additionalProperties": False}
    schemas["onError"] = {"anyOf": [{"enum": [OnError.FAIL.value, OnError.CONTINUE.value]}, value]}
    return {key: {**schema, "description": _DOCS[key]} for key, schema in schemas.items()}


def _sections(catalog: PluginCatalog) -> dict[str, Any]:
    try:
        return {key: schema_of(validator) for key, validator in catalog.sections().items()}
    except PluginError:
        return {}


def _payload(keyword: Keyword) -> dict[str, Any]:
    """Return the schema of a keyword's payload: the mapping, or what the short form allows."""
    schema = schema_of(keyword.payload)
    for name in keyword.json_fields:
        if name in schema.get("properties", {}):
            about = schema["properties"][name].get("description")
            schema["properties"][name] = {"description": about} if about else {}
    required = schema.get("required", [])
    description = keyword.summary
    if keyword.short_form_only:
        return {**schema.get("properties", {}).get(keyword.primary, {}), "description": description}
    if set(required) <= {keyword.primary}:
        return {"description": description, "anyOf": [dict(_TEXT), schema]}
    return {**schema, "description": description}


def _with_docs(schema: dict[str, Any], docs: Mapping[str, str]) -> dict[str, Any]:
    properties = schema.get("properties")
    if not properties:
        return schema
    described = {
        key: {**inner, "description": docs[key]} if key in docs and isinstance(inner, dict) else inner
        for key, inner in properties.items()
    }
    return {**schema, "properties": described}


def schema_of(validator: Any) -> dict[str, Any]:
    """Return the JSON Schema of a validator: never stricter than the validator, as editors read YAML."""
    validator = strict(validator)
    make = _MAKERS.get(type(validator))
    if make is not None:
        return make(validator)
    if isinstance(validator, strictyaml.ScalarValidator):
        return dict(_TEXT)
    return {}


def _map(validator: Any) -> dict[str, Any]:
    open_ended = isinstance(validator, MapCombined)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {str(key): schema_of(inner) for key, inner in validator._validator_dict.items()},
        "additionalProperties": schema_of(validator._value_validator) if open_ended else False,
    }
    if type(validator._key_validator) is not strictyaml.Str:  # keys are changed, so the schema cannot name them
        return {"type": "object"}
    if validator._required_keys:
        schema["required"] = [str(key) for key in validator._required_keys]
    if not isinstance(validator, DocumentedMap):
        return schema
    for key, file in validator.text_files.items():
        if file.stands_for in schema.get("required", ()):  # one of the two
            schema["required"] = [name for name in schema["required"] if name != file.stands_for]
            schema.setdefault("allOf", []).append({"oneOf": [{"required": [file.stands_for]}, {"required": [key]}]})
    return _with_docs(schema, validator.docs)


def _pattern(validator: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": schema_of(validator._value_validator)}
    if validator._minimum_keys is not None:
        schema["minProperties"] = validator._minimum_keys
    if validator._maximum_keys is not None:
        schema["maxProperties"] = validator._maximum_keys
    return schema


def _enum(validator: Any) -> dict[str, Any]:
    if type(validator._item_validator) is not strictyaml.Str:
        return dict(_TEXT)
    words: list[Any] = list(validator._restricted_to)
    typed = {"true": True, "false": False, "null": None}
    return {"enum": [*words, *(typed[word] for word in words if word in typed)]}


def _either(validator: Any) -> dict[str, Any]:
    return {"anyOf": [schema_of(validator._validator_a), schema_of(validator._validator_b)]}


def _templated(validator: TemplatedValidator) -> dict[str, Any]:
    return {"anyOf": [schema_of(validator.inner), {"type": "string", "pattern": r"\{\{|\$\{"}]}


def _scalar(validator: ScalarOf) -> dict[str, Any]:
    make = _SCALARS.get(type(validator.scalar))
    return make(validator.scalar) if make is not None else dict(_TEXT)


def _number(validator: BoundedFloat) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["number", "string"]}
    if validator.least > float("-inf"):
        schema["minimum"] = validator.least
    if validator.most < float("inf"):
        schema["maximum"] = validator.most
    return schema


_SCALARS: Final[dict[type[Scalar], Callable[[Any], dict[str, Any]]]] = {
    Duration: lambda _: {"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?$", "minimum": 0},
    PositiveInt: lambda validator: {"type": ["integer", "string"], "minimum": validator.least, "pattern": "^[0-9]+$"},
    BoundedFloat: _number,
    StrictBool: lambda _: {"enum": [True, False, "true", "false"]},
    NonEmptyStr: lambda _: {"type": ["string", "number", "boolean"], "pattern": r"\S"},
}

_MAKERS: Final[dict[type[Any], Callable[[Any], dict[str, Any]]]] = {
    strictyaml.Str: lambda _: dict(_TEXT),
    strictyaml.Int: lambda _: {"type": ["integer", "string"], "pattern": r"^[-+]?[0-9_]+$"},
    strictyaml.Float: lambda _: {"type": ["number", "string"]},
    strictyaml.Decimal: lambda _: {"type": ["number", "string"]},
    strictyaml.Bool: lambda _: {"type": ["boolean", "string", "integer"]},
    strictyaml.Regex: lambda validator: {
        "type": ["string", "number", "boolean"],
        "pattern": f"^(?:{validator._regex})",
    },
    strictyaml.EmptyDict: lambda _: {"enum": ["", None]},
    strictyaml.EmptyList: lambda _: {"enum": ["", None]},
    strictyaml.EmptyNone: lambda _: {"enum": ["", None]},
    strictyaml.NullNone: lambda _: {"enum": ["null", None]},
    strictyaml.Any: lambda _: {},
    strictyaml.Enum: _enum,
    strictyaml.Map: _map,
    MapCombined: _map,
    DocumentedMap: _map,
    ScalarOf: _scalar,
    CheckedValidator: lambda validator: schema_of(validator.inner),
    TemplatedValidator: _templated,
    strictyaml.MapPattern: _pattern,
    strictyaml.Seq: lambda validator: {"type": "array", "items": schema_of(validator._validator)},
    strictyaml.UniqueSeq: lambda validator: {
        "type": "array",
        "items": schema_of(validator._validator),
        "uniqueItems": True,
    },
    strictyaml.FixedSeq: lambda validator: {
        "type": "array",
        "items": [schema_of(inner) for inner in validator._validators],
        "minItems": len(validator._validators),
        "maxItems": len(validator._validators),
    },
    strictyaml.OrValidator: _either,
}
