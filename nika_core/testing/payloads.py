"""A payload and a report for a keyword's facets, without a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nika_core import codes
from nika_core.errors import Place, Problem, Severity
from nika_core.model.json import Json, JsonObject
from nika_core.model.payload_tree import as_written
from nika_core.model.template import Template
from nika_core.model.workflow import AgentBlock, OutputSpec, PayloadValue
from nika_core.template import to_text


@dataclass
class FakePayload:
    """See `nika_core.plugin.Payload`; its places are in no file.

    Attributes:
        fields: what the keyword's validator gave, by field; a text with placeholders is a `Template`.
        folder, sections, settings, environ, task_id, agent, output, max_tokens, allowed_tools: see `Payload`.
    """

    fields: Mapping[str, PayloadValue] = field(default_factory=dict)
    folder: Path = field(default_factory=Path.cwd)
    sections: Mapping[str, Json] = field(default_factory=dict)
    settings: JsonObject = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    task_id: str = "task"
    agent: AgentBlock = field(default_factory=AgentBlock)
    output: OutputSpec = field(default_factory=OutputSpec)
    max_tokens: int | None = None
    allowed_tools: Sequence[str] = ()

    def at(self, *path: str | int) -> Place:
        """Return a place with the path (`headers/Accept`), line 1, and the column from an offset at the path's end."""
        offset = path[-1] if path and isinstance(path[-1], int) else 0
        return Place("/".join(map(str, path)), 1, offset + 1)

    def text(self, field: str) -> str | None:
        """Return a field as its author would write it, or None if there is none."""
        value = self.fields.get(field)
        if value is None or isinstance(value, str):
            return value
        return value.text if isinstance(value, Template) else to_text(as_written(value))


class FakeReport(list[Problem]):
    """See `nika_core.plugin.Report`. A report that is the list of its problems."""

    def __call__(
        self,
        message: str,
        place: Place,
        *,
        code: str = codes.BAD_PAYLOAD,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.append(Problem(code, message, place, hint, severity))
