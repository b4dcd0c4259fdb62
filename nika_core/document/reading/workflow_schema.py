"""The schema of a workflow's document, without what keywords bring."""

from __future__ import annotations

from typing import Any, Final

from nika_core.plugin.fields import (
    Anything,
    BoundedFloat,
    Duration,
    Enum,
    Map,
    MapPattern,
    NonEmptyStr,
    Optional,
    PositiveInt,
    Seq,
    Str,
    StrictBool,
)

AGENT: Final = Map(
    {
        Optional("model"): NonEmptyStr(),
        Optional("provider"): NonEmptyStr(),
        Optional("systemPrompt"): Str(),
        Optional("systemPromptFile"): NonEmptyStr(),
        Optional("mode"): Enum(["strict", "agentic"]),
        Optional("maxTurns"): PositiveInt(),
        Optional("maxBudgetUsd"): BoundedFloat(0),
        Optional("maxTokens"): PositiveInt(),
        Optional("temperature"): BoundedFloat(0, 2),
        Optional("allowedTools"): Seq(NonEmptyStr()),
        Optional("disallowedTools"): Seq(NonEmptyStr()),
        Optional("output"): NonEmptyStr(),
        Optional("overflow"): Enum(["refuse", "summarize"]),
    }
)

INPUT: Final = Map(
    {
        Optional("type"): Enum(["string", "int", "float", "bool", "json"]),
        Optional("description"): Str(),
        Optional("default"): Anything(),
        Optional("required"): StrictBool(),
        Optional("enum"): Anything(),
        Optional("min"): BoundedFloat(),
        Optional("max"): BoundedFloat(),
    }
)
INPUTS: Final = MapPattern(NonEmptyStr(), INPUT)

FLOW: Final = Map({"source": NonEmptyStr(), "target": NonEmptyStr(), Optional("condition"): NonEmptyStr()})

OUTPUT: Final = Map({Optional("format"): Enum(["text", "json", "lines"]), Optional("schema"): Anything()})

# A task's keys beside its keyword.
TASK: Final[dict[str, Any]] = {
    "id": Str(),
    "when": NonEmptyStr(),
    "timeout": Duration(above_zero=True),
    "retry": Map({Optional("max"): PositiveInt(), Optional("backoff"): Duration()}),
    "onError": Anything(),
    "always": StrictBool(),
    "output": OUTPUT,
    "allowedTools": Seq(NonEmptyStr()),
    "disallowedTools": Seq(NonEmptyStr()),
    "mode": Enum(["strict", "agentic"]),
    "forEach": Anything(),
    "repeat": Map(
        {
            "until": NonEmptyStr(),
            "max": PositiveInt(),
            Optional("every"): Duration(),
            Optional("onExhausted"): Enum(["fail", "continue"]),
            Optional("onRoundError"): Enum(["fail", "continue"]),
            Optional("collect"): StrictBool(),
            Optional("conversation"): Enum(["continue", "fresh"]),
        }
    ),
}

FOR_EACH: Final = Map(
    {
        "items": Anything(),
        Optional("key"): NonEmptyStr(),
        Optional("maxConcurrent"): PositiveInt(),
        Optional("max"): PositiveInt(),
        Optional("onItemError"): Anything(),
    }
)

ROOT: Final[dict[str, Any]] = {
    "name": NonEmptyStr(),
    "description": Str(),
    "inputs": INPUTS,
    "outputs": Anything(),
    "timeout": Duration(above_zero=True),
    "agent": AGENT,
    "tasks": None,
    "flows": None,
}
