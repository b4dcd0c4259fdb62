"""What can be known of a task that talks to a model without calling it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.errors import TaskError
from nika_core.model.bounded import MAX_PROMPT_CHARACTERS
from nika_core.model.effort import EFFORTS, default_max_tokens
from nika_core.model.files import FileError, size_of
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message, Role
from nika_core.model.template import Template
from nika_core.model.workflow import PayloadValue
from nika_core.plugin import fields
from nika_core.plugin.facets import CallEstimate, Effect, Estimate, Facets, Payload, Report
from nika_core.plugin.provider import ModelRequest
from nika_core.toolbox.agent.attachments import attached_names, check_attached, least_tokens
from nika_core.toolbox.agent.prompts import SKILL, SYSTEM_PROMPT, prompt_file, system_of, why_unreadable

COMPLETION_FIELDS: Final[Mapping[str | fields.Optional, fields.Field]] = {
    "prompt": fields.field(fields.Str(), "What the model is asked."),
    "promptFile": fields.field(
        fields.TextFile("prompt"), "A file with the prompt, relative to the workflow's file, instead of prompt."
    ),
    fields.Optional("model"): fields.field(fields.Str(), "The model, if it is not the agent block's."),
    fields.Optional("fallback"): fields.field(
        fields.Seq(fields.Str()), "Models that are asked in order if the model cannot answer now."
    ),
    fields.Optional("options"): fields.field(
        fields.MapPattern(fields.NonEmptyStr(), fields.Anything()), "Options of the provider's own."
    ),
    fields.Optional("attach"): fields.field(
        fields.Seq(fields.Str()),
        "Files for the model (PNG, JPEG, GIF, WebP, PDF, text): paths in the workflow's folder, or values that are "
        "paths in ${run.folder}.",
    ),
    fields.Optional("temperature"): fields.field(
        fields.Templated(fields.Float(), before_run=True), "From 0 (most likely words) to 2, if the model has it."
    ),
    fields.Optional("effort"): fields.field(
        fields.Enum(EFFORTS), "How much the model thinks before it answers, if it can be asked: low, medium or high."
    ),
    fields.Optional("cachePrompt"): fields.field(
        fields.StrictBool(),
        "Whether a provider that can cache prompts is asked to, if not as the agent block says.",
    ),
    fields.Optional("maxTokens"): fields.field(
        fields.Templated(fields.Int(), before_run=True), "Tokens that the answer has at most."
    ),
    fields.Optional("systemPrompt"): fields.field(
        fields.Str(), "Replaces the agent block's system prompt for this task."
    ),
    fields.Optional("systemPromptFile"): fields.field(
        fields.Str(), "A file, relative to the workflow's folder, that replaces the agent block's system prompt."
    ),
    fields.Optional("skills"): fields.field(
        fields.Seq(fields.Str()), "Files (or folders with a SKILL.md) whose text is put before the system prompt."
    ),
}
FIELDS: Final[Mapping[str | fields.Optional, fields.Field]] = {
    **COMPLETION_FIELDS,
    fields.Optional("maxTurns"): fields.field(
        fields.Templated(fields.Int(), before_run=True),
        "Turns in which the model may ask for tools, the final answer included.",
    ),
}
MAX_REPAIRS: Final = 2
_OVERHEAD: Final = 16  # tokens that a request may have beside its texts


class CompletionFacets(Facets):
    """For a payload with the fields of `COMPLETION_FIELDS`: one call, and what repairs may add."""

    def check(self, payload: Payload, report: Report) -> None:
        _check_texts(payload, report)
        _check_numbers(payload, report)
        _check_files(payload, report)
        check_attached(payload, report)

    def effects(self, payload: Payload) -> Sequence[Effect]:
        model = payload.fields.get("model") or payload.agent.model
        name = payload.text("model") or "" if isinstance(model, Template) else str(model or "")
        models = (Effect("model", each) for each in dict.fromkeys((name, *_fallback(payload))))
        return (*models, *(Effect("path", each) for each in attached_names(payload)))

    def estimate(self, payload: Payload) -> Estimate:
        low, is_exact = _prompt_tokens(payload)
        cap = payload.max_tokens
        reasons = [] if is_exact else ["the prompt's length depends on values that are not there yet"]
        if attached_names(payload):
            low, is_exact = low + least_tokens(payload), False
            reasons.append("a model may take more or fewer tokens for its files")
        calls, why = self._calls(payload)
        if payload.output.format == "json" and calls is not None:
            calls += MAX_REPAIRS
        if why:
            reasons.append(why)
        # What is not sure counts upwards only: a run is refused when the low estimate alone is over a limit.
        high = low + _OVERHEAD if is_exact and calls == 1 else cap
        if not is_exact and high is None:
            high = low + MAX_PROMPT_CHARACTERS
        output = payload.fields.get("maxTokens") or payload.agent.max_tokens or cap
        if output is None and (effort := payload.fields.get("effort") or payload.agent.effort):
            output = default_max_tokens(str(effort))
        if isinstance(output, Template):  # an item's value: the limit bounds what it may be
            output = cap
        model = payload.fields.get("model")
        return Estimate(
            (
                CallEstimate(
                    model=model if isinstance(model, str) else None,
                    input_low=low,
                    input_high=high,
                    output_high=int(output) if isinstance(output, int) else None,
                    calls_high=calls,
                    reason="; ".join(reasons),
                    cache_prompt=asked if isinstance(asked := payload.fields.get("cachePrompt"), bool) else None,
                    fallback=_known_fallback(payload),
                ),
            )
        )

    def first_request(self, payload: Payload) -> ModelRequest | None:
        """Return the first request; None if a template is not rendered, a file not readable, or there are tools."""
        fields, block = payload.fields, payload.agent
        prompt, model = fields.get("prompt"), fields.get("model")
        system_prompt, texts = fields.get("systemPrompt"), [fields.get("prompt"), fields.get("systemPrompt"), model]
        if (
            not isinstance(prompt, str)
            or any(isinstance(text, Template) for text in texts)
            or fields.get("attach")
            or self._uses_tools(payload)
        ):
            return None
        if (
            system_prompt is None
            and fields.get("systemPromptFile") is None
            and isinstance(block.system_prompt, Template)
        ):
            return None
        try:
            system = system_of(fields, payload.folder, block)
        except TaskError:
            return None
        schema = (payload.output.schema or {}) if payload.output.format == "json" else None
        return ModelRequest(
            (Message(Role.USER, prompt),),
            model=model if isinstance(model, str) else None,
            system=system,
            output_schema=schema,
            effort=effort if isinstance(effort := fields.get("effort"), str) else None,
        )

    def _uses_tools(self, payload: Payload) -> bool:
        return False

    def files(self, payload: Payload) -> Sequence[Path]:
        """Return the files of the skills and of the system prompt."""
        return _files(payload)

    def mock(self, payload: JsonObject) -> Json:
        lines = (line.strip() for line in str(payload.get("prompt", "")).splitlines())
        return f"mock: {next((line for line in lines if line), '')[:200]}"

    def _calls(self, payload: Payload) -> tuple[int | None, str]:
        """Return the most calls that can be made (None: no limit), and the reason."""
        return 1, ""


class AgentFacets(CompletionFacets):
    """For a payload with the fields of `FIELDS`: a loop over tools."""

    def _uses_tools(self, payload: Payload) -> bool:
        return bool(payload.allowed_tools)

    def _calls(self, payload: Payload) -> tuple[int | None, str]:
        if not payload.allowed_tools:
            return 1, ""
        turns = payload.fields.get("maxTurns") or payload.agent.max_turns
        if isinstance(turns, int):
            return turns, f"each of up to {turns} turn(s) sends the conversation again" if turns > 1 else ""
        return None, "without `maxTurns` only the budget bounds how often the model may ask for tools"


def _check_texts(payload: Payload, report: Report) -> None:
    fields = payload.fields
    for name in ("prompt", "systemPrompt"):
        value = fields.get(name)
        if isinstance(value, str) and not value.strip():
            hint = "say what the model is to do" if name == "prompt" else "leave it out to use the agent block's"
            report(f"`{name}` is empty", payload.at(name), code=codes.BAD_PAYLOAD, hint=hint)
        elif (size := _least_characters(value)) > MAX_PROMPT_CHARACTERS:
            report(
                f"`{name}` has {size:,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed",
                payload.at(name),
                code=codes.PROMPT_TOO_LONG,
                hint="shorten it",
            )
    model = fields.get("model")
    if isinstance(model, str) and not model.strip():
        report("`model` is empty", payload.at("model"), code=codes.BAD_PAYLOAD, hint="name a model, or leave it out")
    if fields.get("fallback") in ([], ()):
        hint = "name a model; a task with a `model` of its own has no fallback but its own"
        report("`fallback` names no model", payload.at("fallback"), code=codes.BAD_PAYLOAD, hint=hint)


def _known_fallback(payload: Payload) -> tuple[str, ...] | None:
    """Return the task's own models in its place whose names are known; None: it has none of its own."""
    chain: object = payload.fields.get("fallback")
    return tuple(name for name in chain if isinstance(name, str)) if isinstance(chain, list | tuple) else None


def _fallback(payload: Payload) -> list[str]:
    """Return the names of the models that may be asked in place of the task's; templates as their text."""
    chain: object = payload.fields.get("fallback")
    if chain is None and payload.fields.get("model") is None:
        chain = payload.agent.fallback
    names = chain if isinstance(chain, list | tuple) else ()
    return [name.text if isinstance(name, Template) else str(name) for name in names]


def _check_numbers(payload: Payload, report: Report) -> None:
    temperature = payload.fields.get("temperature")
    if isinstance(temperature, int | float) and not 0 <= temperature <= 2:
        report(
            f"`temperature` is {temperature}; it goes from 0 to 2",
            payload.at("temperature"),
            code=codes.BAD_PAYLOAD,
            hint="0 means the most likely words, 1 is usual",
        )
    for name in ("maxTokens", "maxTurns"):
        number = payload.fields.get(name)
        if isinstance(number, int) and number < 1:
            hint = "leave it out to use the agent block's"
            report(f"`{name}` is {number}; it is at least 1", payload.at(name), code=codes.BAD_PAYLOAD, hint=hint)


def _check_files(payload: Payload, report: Report) -> None:
    fields = payload.fields
    file = fields.get("systemPromptFile")
    if file is not None and fields.get("systemPrompt") is not None:
        report(
            "`systemPrompt` and `systemPromptFile` are both given",
            payload.at("systemPromptFile"),
            code=codes.BAD_SYSTEM_PROMPT,
            hint="keep one of them",
        )
    elif isinstance(file, str):
        reason = why_unreadable(payload.folder, file, SYSTEM_PROMPT)
        if reason:
            _report_file(f"the system prompt {file!r} {reason}", payload, ("systemPromptFile",), report)
    skills = fields.get("skills")
    if isinstance(skills, list | tuple):
        for index, name in enumerate(skills):
            reason = why_unreadable(payload.folder, str(name), SKILL)
            if reason:
                _report_file(f"the skill {str(name)!r} {reason}", payload, ("skills", index), report)


def _report_file(message: str, payload: Payload, path: tuple[str | int, ...], report: Report) -> None:
    hint = f"paths are relative to the workflow's folder, {payload.folder.absolute()}"
    report(message, payload.at(*path), code=codes.BAD_SYSTEM_PROMPT, hint=hint)


def _prompt_tokens(payload: Payload) -> tuple[int, bool]:
    """Return the least number of tokens, by the estimate's measure, and whether that is all."""
    low, is_exact = 0, True
    texts = [payload.fields.get("prompt"), payload.fields.get("systemPrompt", payload.agent.system_prompt)]
    for value in texts:
        if isinstance(value, Template):
            is_exact = False
        low += _least_bytes(value)
    low += sum(map(size_of, _files(payload)))
    return -(-low // 4), is_exact


def _files(payload: Payload) -> list[Path]:
    skills = payload.fields.get("skills")
    named = [(payload.fields.get("systemPromptFile"), SYSTEM_PROMPT)]
    named += [(name, SKILL) for name in (skills if isinstance(skills, list | tuple) else ())]
    files = []
    for name, what in named:
        if isinstance(name, str):
            with suppress(FileError):  # the check of the payload reports it
                files.append(prompt_file(payload.folder, name, what))
    return files


def _least_bytes(value: PayloadValue) -> int:
    return sum(len(part.encode("utf-8", "replace")) for part in _literals(value))


def _least_characters(value: PayloadValue) -> int:
    return sum(map(len, _literals(value)))


def _literals(value: PayloadValue) -> list[str]:
    if isinstance(value, Template):
        return [part for part in value.parts if isinstance(part, str)]
    return [value] if isinstance(value, str) else []
