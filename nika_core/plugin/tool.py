"""A keyword as a tool: what a step can give a model to call, and what such a call gave."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from nika_core.model.json import JsonObject
from nika_core.model.message import ToolSpec
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that an agent may call: a keyword's step with a payload made of the model's arguments.

    Attributes:
        name: the reference as `allowedTools` has it (`mcp::files::read_file`, `shell`).
        keyword: the keyword whose step does it.
        spec: what the model sees. `spec.name` is of `[A-Za-z0-9_-]` and has at most 64 characters.
        payload: turns arguments that fit `spec.parameters` into a rendered payload of `keyword`; it raises ValueError
            with a sentence for the model when they make no sense.
    """

    name: str
    keyword: str
    spec: ToolSpec
    payload: Callable[[JsonObject], JsonObject]


class RuleField(StrEnum):
    """What a field of a rule in `allowedTools`, `disallowedTools` and `askTools` is compared with, and how.

    TEXT: a text, which must be the same. WORDS: a list of texts, word by word; `*` as the last one stands for any
    further words. PATHS: a mapping of names to globs, of which each must match the path (or all paths in a list) of
    that name; a path that leaves the workflow's folder by `..`, as an absolute path or by a link matches none.
    """

    TEXT = "text"
    WORDS = "words"
    PATHS = "paths"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool call returned. The model is told of a failure; nothing is raised.

    Attributes:
        content: text for the model.
        is_error: whether the call failed; `content` then says why.
    """

    content: str
    is_error: bool = False
