"""Rules about what tool calls are given: their fields are the keyword's, and some call must be able to match."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.document.checks.problem_report import ProblemReport
from nika_core.document.checks.tool_entries import WorkflowPayload
from nika_core.errors import NikaError, Place, Problem
from nika_core.model.json import Json
from nika_core.model.nearest import did_you_mean
from nika_core.model.path_globs import glob_problem
from nika_core.model.tool_rules import ANY_MORE, ToolRule, covers_entry, may_overlap_entry, tool_of
from nika_core.model.tools import may_overlap
from nika_core.model.workflow import NodePath
from nika_core.plugin import RuleField

_EXAMPLES: Final = {
    RuleField.TEXT: ("a text", "GET"),
    RuleField.WORDS: ("a list of words", "[git, log, '*']"),
    RuleField.PATHS: ("a mapping of names to globs", '{path: "docs/**"}'),
}


def rule_problems(context: Context, rule: ToolRule, at: Callable[[NodePath], Place]) -> Iterator[Problem]:
    """Yield why no call can match a rule, whose `tool` is known to name tools.

    Args:
        at: returns the place of a part of the rule.
    """
    word = rule.tool.partition("::")[0]
    keyword = None if "*" in word else context.keyword(word)
    if keyword is None:
        hint = "name one keyword in `tool`, without a `*`"
        yield Problem(codes.UNKNOWN_TOOL, "a rule with fields is about the tools of one keyword", at(("tool",)), hint)
        return
    if not context.can_be_asked(keyword):
        return
    facets = context.catalog.facets(word)
    problems: list[Problem] = []
    try:
        kinds = facets.rule_fields()
        for name, value in rule.fields.items():
            kind = kinds.get(name)
            if kind is None:
                known = f"it has {', '.join(sorted(kinds))}" if kinds else f"write the name alone: {rule.tool}"
                hint = did_you_mean(name, kinds) or known
                message = f"a rule about `{word}` has no field '{name}'"
                problems.append(Problem(codes.UNKNOWN_TOOL, message, at((name,)), hint))
                continue
            problems += _value_problems(kind, name, value, at)
        if not problems:
            report = ProblemReport(codes.UNKNOWN_TOOL)
            problems = report.problems
            payload = WorkflowPayload(
                context.workflow, context.settings.get(word, {}), context.environ or {}, at(("tool",)), at
            )
            facets.check_rule(rule.fields, payload, report)
    except NikaError as error:
        problems.append(Problem(error.code, error.message, error.place or at(("tool",)), error.hint))
    yield from problems


def _value_problems(kind: RuleField, name: str, value: Json, at: Callable[[NodePath], Place]) -> Iterator[Problem]:
    what, example = _EXAMPLES[kind]
    fits = {
        RuleField.TEXT: isinstance(value, str) and value.strip() != "",
        RuleField.WORDS: isinstance(value, list) and value and all(isinstance(each, str) for each in value),
        RuleField.PATHS: isinstance(value, dict) and value and all(isinstance(each, str) for each in value.values()),
    }[kind]
    if not fits:
        message = f"`{name}` of a rule is {what}"
        yield Problem(codes.UNKNOWN_TOOL, message, at((name,)), f"write {name}: {example}")
    elif isinstance(value, list):
        if value[0] == ANY_MORE or not str(value[0]).strip():
            message = f"`{name}` names no program"
            yield Problem(
                codes.UNKNOWN_TOOL, message, at((name, 0)), f"write {name}: {example}, or the tool's name alone"
            )
        elif any("\0" in str(word) for word in value):
            message = f"`{name}` has a NUL character, which no word of a command has"
            yield Problem(codes.UNKNOWN_TOOL, message, at((name,)), f"write {name}: {example}")
        elif ANY_MORE in value[:-1]:
            message = f"in `{name}`, '*' stands for further words and can only be the last one"
            hint = "a single word cannot be left open; name it, or end the list with '*'"
            yield Problem(codes.UNKNOWN_TOOL, message, at((name, value.index(ANY_MORE))), hint)
    elif isinstance(value, dict):
        for key, glob in value.items():
            problem = glob_problem(str(glob))
            if problem is not None:
                message = f"no path can match the glob '{glob}': {problem}"
                hint = f"paths are relative to the workflow's folder: {name}: {example}"
                yield Problem(codes.UNKNOWN_TOOL, message, at((name, key)), hint)


def check_asked(
    entries: Sequence[str],
    at: Callable[[NodePath], Place],
    allowed: Sequence[str],
    forbidden: Sequence[str],
    whose: str,
) -> Iterator[Problem]:
    """Yield entries of `askTools` that are about tools which nothing allows, or about calls that are all forbidden.

    Args:
        whose: whose `allowedTools` these are, for messages.
    """
    for index, entry in enumerate(entries):
        tool, place = tool_of(entry), at(("askTools", index))
        forbidding = next((one for one in forbidden if covers_entry(one, entry)), None)
        if not any(may_overlap_entry(entry, one) for one in allowed):
            of_tool = any(may_overlap(tool, tool_of(one)) for one in allowed)
            shown, what = (entry, "allows no such call") if of_tool else (tool, "has no such tool")
            message = f"'{shown}' in `askTools` can match nothing: {whose} `allowedTools` {what}"
            hint = "add it to `allowedTools`, whose calls `askTools` puts to a person, or remove it"
            yield Problem(codes.UNKNOWN_TOOL, message, place, hint)
        elif forbidding is not None:
            message = f"'{entry}' in `askTools` can match nothing: '{forbidding}' in `disallowedTools` forbids it"
            yield Problem(codes.UNKNOWN_TOOL, message, place, "remove it from one of the two")
