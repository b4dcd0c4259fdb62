"""A keyword's facets as the kernel asks them: whatever a plugin does wrong there is one PluginError with its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nika_core import codes
from nika_core.errors import NikaError, Place, PluginError
from nika_core.model.json import Json, JsonObject, find_non_json
from nika_core.model.template import Template
from nika_core.model.workflow import PayloadValue
from nika_core.plugin import (
    CallEstimate,
    Effect,
    Estimate,
    Facets,
    ModelRequest,
    Payload,
    Report,
    RuleField,
    StepContext,
    Tool,
    WorkflowCall,
)
from nika_core.registry.figures import estimate_problem, request_problem
from nika_core.registry.loading import broken, one_line
from nika_core.registry.scan import PluginRecord

T = TypeVar("T")


class GuardedFacets(Facets):
    """Guard `own`, an object of `record`. Errors meant for the user pass; all else is the plugin's fault."""

    def __init__(self, own: Facets, record: PluginRecord) -> None:
        self._own = own
        self.record = record

    def has_own(self, facet: str) -> bool:
        """Return whether the keyword answers this itself; else what `Facets` answers holds, whatever the task."""
        kept = getattr(type(self._own), facet) is getattr(Facets, facet)
        return not kept or facet in getattr(self._own, "__dict__", ())

    def _ask(self, name: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a facet is a plugin's: not even its SystemExit may end a command
            raise self._failed(name, error) from error

    def _failed(self, name: str, error: BaseException) -> PluginError:
        return broken(self.record, f"fails in `{name}`: {one_line(error)}")

    def _wrong(self, name: str, given: object, wanted: str) -> PluginError:
        return broken(self.record, f"returns {type(given).__name__} from `{name}`, not {wanted}")

    def _require_none(self, name: str, problem: str | None) -> None:
        if problem is not None:
            raise broken(self.record, f"returns from `{name}` {problem}")

    def check(self, payload: Payload, report: Report) -> None:
        try:  # written out and not through `_ask`: a document's tasks are checked by the thousand
            self._own.check(payload, _strict(report))
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise self._failed("check", error) from error

    def workflow(self, fields: Mapping[str, PayloadValue]) -> WorkflowCall:
        found = self._ask("workflow", lambda: self._own.workflow(fields))
        if not isinstance(found, WorkflowCall):
            raise self._wrong("workflow", found, "WorkflowCall")
        if not isinstance(found.use, str | Path | Template):
            raise self._wrong("workflow", found.use, "a name or a path in `use`")
        if not isinstance(found.inputs, Mapping) or not all(isinstance(name, str) for name in found.inputs):
            raise self._wrong("workflow", found.inputs, "inputs by name")
        return found

    def output_schema(self, fields: Mapping[str, PayloadValue]) -> JsonObject | None:
        try:  # written out, as `check`
            found = self._own.output_schema(fields)
        except (NikaError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise self._failed("output_schema", error) from error
        if found is not None and not isinstance(found, Mapping):
            raise self._wrong("output_schema", found, "a JSON Schema or None")
        return found

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        if self._is_tool(payload, report):
            self._ask("check_tool", lambda: self._own.check_tool(reference, payload, _strict(report)))

    def check_disallowed_tool(self, reference: str, payload: Payload, report: Report) -> None:
        if self._is_tool(payload, report):
            ask = self._own.check_disallowed_tool
            self._ask("check_disallowed_tool", lambda: ask(reference, payload, _strict(report)))

    def rule_fields(self) -> Mapping[str, RuleField]:
        found = self._ask("rule_fields", lambda: self._own.rule_fields())
        if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
            raise self._wrong("rule_fields", found, "RuleField values by name")
        for each in found.values():
            if not isinstance(each, RuleField):
                raise self._wrong("rule_fields", each, "RuleField")
        return found

    def check_rule(self, fields: Mapping[str, Json], payload: Payload, report: Report) -> None:
        self._ask("check_rule", lambda: self._own.check_rule(fields, payload, _strict(report)))

    def call_fields(self, payload: JsonObject) -> Mapping[str, Json]:
        found = self._ask("call_fields", lambda: self._own.call_fields(payload))
        if not isinstance(found, Mapping):
            raise self._wrong("call_fields", found, "values by name")
        self._require_none("call_fields", find_non_json(found))
        return found

    def _is_tool(self, payload: Payload, report: Report) -> bool:
        """Return whether the keyword can be a tool; report it if not."""
        if type(self._own).tools is not Facets.tools:
            return True
        report(
            f"`{self.record.word}` cannot be used as a tool", payload.at(), code=codes.UNKNOWN_TOOL, hint="remove it"
        )
        return False

    def effects(self, payload: Payload) -> Sequence[Effect]:
        found = self._ask("effects", lambda: tuple(self._own.effects(payload)))
        for each in found:
            if not isinstance(each, Effect) or not isinstance(each.kind, str) or not isinstance(each.target, str):
                raise self._wrong("effects", each, "Effect with two texts")
        return found

    def estimate(self, payload: Payload) -> Estimate:
        found = self._ask("estimate", lambda: self._own.estimate(payload))
        if not isinstance(found, Estimate):
            raise self._wrong("estimate", found, "Estimate")
        if not isinstance(found.calls, tuple | list) or not all(isinstance(each, CallEstimate) for each in found.calls):
            raise self._wrong("estimate", found.calls, "CallEstimate values in a tuple")
        self._require_none("estimate", estimate_problem(found))
        return found

    def files(self, payload: Payload) -> Sequence[Path]:
        return self._paths("files", lambda: tuple(self._own.files(payload)))

    def tool_files(self, reference: str, payload: Payload) -> Sequence[Path]:
        return self._paths("tool_files", lambda: tuple(self._own.tool_files(reference, payload)))

    def _paths(self, name: str, ask: Callable[[], Sequence[Any]]) -> Sequence[Path]:
        found = self._ask(name, ask)
        for each in found:
            if not isinstance(each, Path):
                raise self._wrong(name, each, "Path")
        return found

    def sections(self, payload: Payload) -> Mapping[str, Json]:
        found = self._ask("sections", lambda: self._own.sections(payload))
        if not isinstance(found, Mapping):
            raise self._wrong("sections", found, "sections by name")
        self._require_none("sections", find_non_json(found))
        return found

    def first_request(self, payload: Payload) -> ModelRequest | None:
        found = self._ask("first_request", lambda: self._own.first_request(payload))
        if not isinstance(found, ModelRequest | None):
            raise self._wrong("first_request", found, "ModelRequest or None")
        self._require_none("first_request", None if found is None else request_problem(found))
        return found

    def mock(self, payload: JsonObject) -> Json:
        found = self._ask("mock", lambda: self._own.mock(payload))
        self._require_none("mock", find_non_json(found))
        return found

    def may_decline(self, payload: Payload) -> bool:
        found = self._ask("may_decline", lambda: self._own.may_decline(payload))
        if not isinstance(found, bool):
            raise self._wrong("may_decline", found, "True or False")
        return found

    def unread(self, payload: Payload) -> str:
        found = self._ask("unread", lambda: self._own.unread(payload))
        if not isinstance(found, str):
            raise self._wrong("unread", found, "a text")
        return found

    def redact(self, payload: JsonObject) -> JsonObject:
        found = self._ask("redact", lambda: self._own.redact(payload))
        if not isinstance(found, Mapping):
            raise self._wrong("redact", found, "a payload")
        self._require_none("redact", find_non_json(found))
        return found

    def render(self, field: str, template: Template | str, values: Sequence[Json]) -> Json:
        found = self._ask("render", lambda: self._own.render(field, template, values))
        self._require_none("render", find_non_json(found))
        return found

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        try:
            found = tuple(await self._own.tools(reference, context))
        except NikaError:
            raise
        except Exception as error:
            raise self._failed("tools", error) from error
        for each in found:
            if not isinstance(each, Tool):
                raise self._wrong("tools", each, "Tool")
        return found


def _strict(report: Report) -> Report:
    """Wrap a report so that it takes only what the user can be shown."""

    def told(message: str, place: Place, **more: Any) -> None:
        if not isinstance(message, str) or not isinstance(place, Place):
            raise TypeError("a report has a message and a Place, e.g. payload.at('field')")
        report(message, place, **more)

    return told
