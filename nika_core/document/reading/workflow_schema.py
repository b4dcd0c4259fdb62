"""The schema of a workflow's document, without what keywords bring."""

from __future__ import annotations

from typing import Any, Final

from nika_core.model.effort import EFFORTS
from nika_core.plugin.fields import (
    Anything,
    BoundedFloat,
    Duration,
    EmptyDict,
    Enum,
    Inputs,
    Map,
    MapPattern,
    NonEmptyStr,
    Optional,
    PositiveInt,
    Seq,
    Str,
    StrictBool,
    Templated,
    VariableName,
)

# Numbers and times may be templates whose values are known before the run.
_COUNT: Final = Templated(PositiveInt(), before_run=True)
_TIME: Final = Templated(Duration(above_zero=True), before_run=True)
_DELAY: Final = Templated(Duration(), before_run=True)

# The name of a tool, or a rule about what its calls are given.
_TOOLS: Final = Seq(NonEmptyStr() | MapPattern(Str(), Anything()))

AGENT: Final = Map(
    {
        Optional("model"): NonEmptyStr(),
        Optional("fallback"): Seq(NonEmptyStr()),
        Optional("options"): MapPattern(NonEmptyStr(), Anything()),
        Optional("provider"): NonEmptyStr(),
        Optional("systemPrompt"): Str(),
        Optional("systemPromptFile"): NonEmptyStr(),
        Optional("mode"): Enum(["strict", "agentic"]),
        Optional("maxTurns"): _COUNT,
        Optional("maxBudgetUsd"): BoundedFloat(0),
        Optional("maxTokens"): _COUNT,
        Optional("temperature"): Templated(BoundedFloat(0, 2), before_run=True),
        Optional("effort"): Enum(EFFORTS),
        Optional("cachePrompt"): StrictBool(),
        Optional("allowedTools"): _TOOLS,
        Optional("disallowedTools"): _TOOLS,
        Optional("askTools"): _TOOLS,
        Optional("output"): NonEmptyStr(),
        Optional("overflow"): Enum(["refuse", "summarize"]),
    }
)

INPUTS: Final = Inputs()

FLOW: Final = Map({"source": NonEmptyStr(), "target": NonEmptyStr(), Optional("condition"): NonEmptyStr()})

OUTPUT: Final = Map({Optional("format"): Enum(["text", "json", "lines"]), Optional("schema"): Anything()})

# A task's keys beside its keyword.
TASK: Final[dict[str, Any]] = {
    "id": Str(),
    "when": NonEmptyStr(),
    "timeout": _TIME,
    "idleTimeout": _TIME,
    "retry": Map({Optional("max"): _COUNT, Optional("backoff"): _DELAY}),
    "onError": Anything(),
    "always": StrictBool(),
    "cache": StrictBool() | Map({Optional("for"): Duration(above_zero=True)}),
    "output": OUTPUT,
    "allowedTools": _TOOLS,
    "disallowedTools": _TOOLS,
    "askTools": _TOOLS,
    "mode": Enum(["strict", "agentic"]),
    "forEach": Anything(),
    "repeat": Map(
        {
            "until": NonEmptyStr(),
            "max": _COUNT,
            Optional("every"): _DELAY,
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
        Optional("maxConcurrent"): _COUNT,
        Optional("max"): _COUNT,
        Optional("onItemError"): Anything(),
    }
)

ENV: Final = EmptyDict() | MapPattern(VariableName(), Str())

ROOT: Final[dict[str, Any]] = {
    "name": NonEmptyStr(),
    "description": Str(),
    "inputs": INPUTS,
    "outputs": Anything(),
    "timeout": _TIME,
    "env": ENV,
    "agent": AGENT,
    "tasks": None,
    "flows": None,
    "workflows": None,
}
# What a workflow under `workflows:` does not have: its name is its key there, and it is in one list with all others.
NOT_INNER: Final = frozenset({"name", "workflows"})
