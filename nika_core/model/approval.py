"""Tool calls that a person approves: the question, its answers, and what the answer `always` grants."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from nika_core.model.json import Json, JsonObject
from nika_core.model.question import Question
from nika_core.model.workflow import InputSpec

YES: Final = "yes"
ALWAYS: Final = "always"
NO: Final = "no"


class ToolGrant(NamedTuple):
    """Calls of one tool that are made without a question for the rest of a run.

    Attributes:
        tool: the tool's name, e.g. `mcp::files::delete_file`.
        rule: the entry of `askTools` by which it was asked about; only calls that surely match it are covered.
    """

    tool: str
    rule: str


class CallToApprove(NamedTuple):
    """A tool call that waits for a person.

    Attributes:
        tool: the tool's name.
        arguments: as the model gave them.
        rule: the entry of `askTools` that it matches.
        grantable: whether it surely matches the rule, so that `always` may be answered.
        within: the tools by way of which it is made, e.g. `subagent`, the outermost first.
    """

    tool: str
    arguments: JsonObject
    rule: str
    grantable: bool
    within: tuple[str, ...] = ()


def approval_question(calls: Sequence[CallToApprove]) -> Question:
    """Return the one question about all these calls, with a field of its form for each."""
    names = ["answer"] if len(calls) == 1 else [f"call{number}" for number in range(1, len(calls) + 1)]
    shown = {name: _shown(call) for name, call in zip(names, calls, strict=True)}
    what = f"call the tool {calls[0].tool}" if len(calls) == 1 else f"make {len(calls)} tool calls"
    return Question(
        message=f"May the model {what}?",
        show=shown[names[0]] if len(calls) == 1 else shown,
        form={name: _field(call) for name, call in zip(names, calls, strict=True)},
        calls={
            name: {"tool": call.tool, "rule": call.rule, "grantable": call.grantable}
            for name, call in zip(names, calls, strict=True)
        },
    )


def _shown(call: CallToApprove) -> Json:
    shown: dict[str, Json] = {"tool": call.tool, "arguments": call.arguments}
    return {**shown, "within": list(call.within)} if call.within else shown


def _field(call: CallToApprove) -> InputSpec:
    if call.grantable:
        about = f"{call.tool}: this call; always: all calls of it by the rule {call.rule} in this run"
        return InputSpec("string", description=about, enum=(YES, ALWAYS, NO))
    about = f"{call.tool}: this call; it is not sure that it matches the rule {call.rule}, so it is always asked about"
    return InputSpec("string", description=about, enum=(YES, NO))


def granted(about: Mapping[str, Any], answer: Json) -> Iterator[ToolGrant]:
    """Yield what an answer grants for the rest of the run, given what its task waited for."""
    if isinstance(answer, Mapping):
        for name, call in _calls(about):
            if answer.get(name) == ALWAYS and call.get("grantable") is True:
                yield ToolGrant(call["tool"], call["rule"])


def answer_of_grants(about: Mapping[str, Any], grants: Collection[ToolGrant]) -> Json:
    """Return the answer to a question whose calls are all granted; None: a person has to be asked."""
    calls = list(_calls(about))
    if not calls or any(
        call.get("grantable") is not True or ToolGrant(call["tool"], call["rule"]) not in grants for _, call in calls
    ):
        return None
    return {name: YES for name, _ in calls}


def _calls(about: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    calls = about.get("calls")
    return list(calls.items()) if isinstance(calls, Mapping) else []
