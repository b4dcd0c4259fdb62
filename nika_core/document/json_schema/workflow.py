"""The JSON Schema of a workflow with the installed plugins, for editors.

A schema checks types and names, but nothing that needs the whole document: references, cycles, duplicate ids. An
editor's YAML reader gives scalars types (`3.10` is a number), so wherever the language has a text, numbers are allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from nika_core.document.json_schema.from_validators import TEXT, Schema, choice, describe, provider_schema, schema_of
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.document.reading import workflow_schema
from nika_core.errors import PluginError
from nika_core.model.workflow import ItemError, OnError
from nika_core.plugin import Keyword, RuleField
from nika_core.plugin.fields import NonEmptyStr

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_LITERAL: Final = r"(true|false|null|(0|[1-9][0-9]*)([eE]-?[0-9]+)?)$"
_TOOL_LISTS: Final = ("allowedTools", "disallowedTools", "askTools")
_RULE_FIELDS: Final[Mapping[RuleField, Any]] = {
    RuleField.TEXT: TEXT,
    RuleField.WORDS: {"type": "array", "items": TEXT, "minItems": 1},
    RuleField.PATHS: {"type": "object", "additionalProperties": TEXT, "minProperties": 1},
}
_INNER: Final = "inner workflow"  # no word has a space
_ITEMS_EXPECTED: Final = "Expected one template, a list, or a mapping with `items`."
_ID_EXPECTED: Final = "Expected letters, digits, `-` and `_`, and not a number, `true`, `false` or `null`."
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


def workflow_json_schema(catalog: PluginCatalog, providers: Iterable[str] = ()) -> Schema:
    """Return the schema. A keyword whose plugin cannot be loaded takes any payload.

    Args:
        providers: those that editors suggest.
    """
    words = sorted(catalog.keywords())
    payloads: Schema = {}
    properties: Schema = {}
    for word in words:
        try:
            payloads[word] = _payload(catalog.keyword(word))
        except PluginError as error:
            payloads[word] = {"description": error.message}
        properties[word] = {"$ref": f"#/definitions/{word}"}
    task: Schema = {
        "type": "object",
        "required": ["id"],
        "properties": {**_task_properties(), **properties},
        "additionalProperties": False,
        "allOf": list(_one_keyword(words)),
    }
    root = {**_root_properties(), **_sections(catalog)}
    agent = root["agent"]["properties"]
    agent["provider"] = {**provider_schema(providers), "description": _AGENT_DOCS["provider"]}
    inner = {
        "type": "object",
        "required": ["tasks"],
        "properties": {key: schema for key, schema in root.items() if key not in workflow_schema.NOT_INNER},
        "additionalProperties": False,
    }
    entry = _tool_entry(catalog)
    for lists in (agent, task["properties"]):
        for key in _TOOL_LISTS:
            lists[key] = {**lists[key], "items": entry}
    return {
        "$schema": DRAFT,
        "title": "Nika workflow",
        "type": "object",
        "required": ["tasks"],
        "properties": root,
        "additionalProperties": False,
        "definitions": {"task": task, _INNER: inner, **payloads},
    }


def _one_keyword(words: Sequence[str]) -> Iterator[Schema]:
    """Yield the rules that together say that a task has exactly one keyword, each with a message of its own.

    `oneOf` says the same, and an editor then names the first keyword only, or none.
    """
    missing = f"A task has exactly one keyword: {', '.join(words)}."
    # Nothing is a mapping and a text: what has no keyword is refused as a whole.
    none = {"type": "string", "errorMessage": missing}
    yield {"if": {"anyOf": [{"required": [word]} for word in words]}, "else": none} if words else none
    for index, word in enumerate(words[:-1]):
        second = dict.fromkeys(words[index + 1 :], False)
        message = f"The task has the keyword `{word}` already, and a task has exactly one."
        yield {"if": {"required": [word]}, "then": {"properties": second, "errorMessage": message}}


def _tool_entry(catalog: PluginCatalog) -> Schema:
    """Return the schema of an entry of a list of tools: a name, or a rule with the fields of some keyword."""
    properties: Schema = {"tool": {**schema_of(NonEmptyStr()), "description": "The name of the tools."}}
    for word in sorted(catalog.keywords()):
        try:
            kinds = catalog.facets(word).rule_fields()
        except PluginError:
            continue
        for name, kind in kinds.items():
            schemas = [each for each in properties.get(name, {}).get("anyOf", []) if each != _RULE_FIELDS[kind]]
            properties[name] = {"anyOf": [*schemas, _RULE_FIELDS[kind]]}
    rule = {"type": "object", "required": ["tool"], "properties": properties, "additionalProperties": False}
    return choice(schema_of(NonEmptyStr()), rule)


def _root_properties() -> Schema:
    schemas = {key: schema_of(validator) for key, validator in workflow_schema.ROOT.items() if validator is not None}
    schemas["agent"] = describe(schemas["agent"], _AGENT_DOCS)
    schemas["tasks"] = {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/task"}}
    schemas["flows"] = {"anyOf": [{"type": "array", "items": schema_of(workflow_schema.FLOW)}, {"type": "null"}]}
    inner = {"type": "object", "additionalProperties": {"$ref": f"#/definitions/{_INNER}"}}
    schemas["workflows"] = {"anyOf": [inner, {"type": "null"}]}
    return {key: {**schema, "description": _DOCS[key]} for key, schema in schemas.items()}


def _task_properties() -> Schema:
    schemas = {key: schema_of(validator) for key, validator in workflow_schema.TASK.items()}
    schemas["id"] = {"type": ["string", "integer"], "pattern": _ID, "errorMessage": _ID_EXPECTED}
    schemas["output"] = choice(schemas["output"], {"enum": ["lines"]})
    schemas["onError"] = _error_rule(OnError)
    for_each = schema_of(workflow_schema.FOR_EACH)
    for_each["properties"]["onItemError"] = _error_rule(ItemError)
    schemas["forEach"] = choice(for_each, {"type": ["string", "array"], "errorMessage": _ITEMS_EXPECTED})
    return {key: {**schema, "description": _DOCS[key]} for key, schema in schemas.items()}


def _error_rule(rules: type[OnError | ItemError]) -> Schema:
    """Return the schema of what becomes of a failure: a word, or the value that stands in for the output."""
    value = {"type": "object", "required": ["value"], "properties": {"value": {}}, "additionalProperties": False}
    return choice({"enum": [rule.value for rule in rules if rule is not rules("value")]}, value)


def _sections(catalog: PluginCatalog) -> Schema:
    try:
        return {key: schema_of(validator) for key, validator in catalog.sections().items()}
    except PluginError:
        return {}


def _payload(keyword: Keyword) -> Schema:
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
        text = {**TEXT, "errorMessage": f"Expected `{keyword.primary}` as text, or a mapping of the keyword's fields."}
        return {"description": description, **choice(text, schema)}
    return {**schema, "description": description}
