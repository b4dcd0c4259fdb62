"""The schema of a workflow document as strictyaml validators; keywords bring the rest."""

from __future__ import annotations

from typing import Any, Final

from strictyaml import Any as Anything
from strictyaml import Enum, Map, MapPattern, Optional, Seq, Str

from nika_core.document.validation.scalars import Duration, Number, Truth, Whole, Word

AGENT: Final = Map(
    {
        Optional("model"): Word(),
        Optional("provider"): Word(),
        Optional("systemPrompt"): Str(),
        Optional("systemPromptFile"): Word(),
        Optional("mode"): Enum(["strict", "agentic"]),
        Optional("maxTurns"): Whole(1),
        Optional("maxBudgetUsd"): Number(0),
        Optional("maxTokens"): Whole(1),
        Optional("temperature"): Number(0, 2),
        Optional("allowedTools"): Seq(Word()),
        Optional("disallowedTools"): Seq(Word()),
        Optional("output"): Word(),
        Optional("overflow"): Enum(["refuse", "summarize"]),
    }
)

INPUT: Final = Map(
    {
        Optional("type"): Enum(["string", "int", "float", "bool", "json"]),
        Optional("description"): Str(),
        Optional("default"): Anything(),
        Optional("required"): Truth(),
    }
)
INPUTS: Final = MapPattern(Word(), INPUT)

FLOW: Final = Map({"source": Word(), "target": Word(), Optional("condition"): Word()})

OUTPUT: Final = Map({Optional("format"): Enum(["text", "json"]), Optional("schema"): Anything()})

# A task's keys beside its keyword.
TASK: Final[dict[str, Any]] = {
    "id": Str(),
    "timeout": Duration(above_zero=True),
    "retry": Map({Optional("max"): Whole(1), Optional("backoff"): Duration()}),
    "onError": Enum(["fail", "continue"]),
    "output": OUTPUT,
    "allowedTools": Seq(Word()),
    "disallowedTools": Seq(Word()),
    "mode": Enum(["strict", "agentic"]),
}

ROOT: Final[dict[str, Any]] = {
    "name": Word(),
    "description": Str(),
    "inputs": INPUTS,
    "agent": AGENT,
    "tasks": None,
    "flows": None,
}
