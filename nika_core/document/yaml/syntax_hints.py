"""How values are written that people often give only a part of."""

from __future__ import annotations

from typing import Final

# How to write a value if only its inner part was given.
SYNTAX_HINTS: Final = {
    "retry": "write `retry: {max: 3, backoff: 1s}`",
    "repeat": "write `repeat: {until: ..., max: 5}`",
    "output": "write `output: {format: json}`",
    "timeout": "write e.g. `timeout: 30s`",
    "agent": "write `agent: {model: ...}`",
    "flow": "write `{source: a, target: b}`",
    "input": "write `name: {type: string, default: ...}`",
    "inputs": "write `inputs: {name: {type: string}}`",
}
