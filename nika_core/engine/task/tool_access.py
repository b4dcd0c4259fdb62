"""What becomes of one tool call: whether it may be made, and whether a person is asked first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from nika_core.engine.core.messages import TaskCall
from nika_core.model.json import Json
from nika_core.model.tool_rules import Match, covers_entry, match_fields, rule_of, tool_of
from nika_core.model.tools import covers
from nika_core.model.workflow import AgentBlock

_PLAINLY: Final = "use one plain command without operators, and plain relative paths"


class Access(Enum):
    """What becomes of a call."""

    ALLOWED = "allowed"
    ASKED = "asked"
    DENIED = "denied"


class Ruling(NamedTuple):
    """What becomes of a call, and by which entry.

    `sure`: whether it surely matches the entry by which it is asked about. `why`: for the model, if it is denied.
    """

    access: Access
    entry: str = ""
    sure: bool = True
    why: str = ""


ALLOWED: Final = Ruling(Access.ALLOWED)


class ToolLists(NamedTuple):
    """The lists of entries that hold for one task."""

    allowed: tuple[str, ...]
    disallowed: tuple[str, ...]
    asked: tuple[str, ...]

    def forbids(self, tool: str) -> bool:
        """Return whether every call of a tool is forbidden, so that it is not offered at all."""
        return any(covers_entry(entry, tool) for entry in self.disallowed)

    def may_ask(self, tool: str) -> bool:
        """Return whether a person may be asked about a call of a tool."""
        return any(covers_entry(tool_of(entry), tool) for entry in self.asked)


def lists_of(call: TaskCall, agent: AgentBlock) -> ToolLists:
    """Return the lists of a task: its own of what is allowed, and what is forbidden or asked anywhere."""
    allowed = call.allowed_tools if call.allowed_tools is not None else agent.allowed_tools
    disallowed, asked = (*call.disallowed_tools, *agent.disallowed_tools), (*call.ask_tools, *agent.ask_tools)
    return ToolLists(allowed or (), disallowed, asked)


def rule_on(
    lists: ToolLists, offered_by: Sequence[str], tool: str, describe: Callable[[], Mapping[str, Json]], folder: Path
) -> Ruling:
    """Return what becomes of a call. Denying goes before asking, and asking before allowing.

    Args:
        offered_by: the entries of `allowedTools` by which the tool was offered; empty: the step brings it itself.
        describe: returns the call's fields; called only if a rule is about them. What it raises is not caught.
        folder: what relative paths are relative to.
    """

    @cache
    def described() -> Mapping[str, Json]:
        return describe()

    def match(entry: str) -> Match:
        if not covers(tool_of(entry), tool):
            return Match.NO
        return Match.YES if rule_of(entry) is None else match_fields(entry, described(), folder)

    for entry in lists.disallowed:
        if (found := match(entry)) is not Match.NO:
            doubt = "" if found is Match.YES else f", or cannot be told from what is; {_PLAINLY}"
            return Ruling(Access.DENIED, entry, why=f"it is forbidden by the rule {entry}{doubt}")
    # The names of some tools are written differently in the entry that offers them.
    rules = [entry for entry in offered_by if rule_of(entry) is not None]
    only_by_rules = rules and len(rules) == len(offered_by)
    if only_by_rules and all(match_fields(entry, described(), folder) is not Match.YES for entry in rules):
        why = f"only calls that surely match one of these rules are allowed: {'; '.join(rules)}; {_PLAINLY}"
        return Ruling(Access.DENIED, why=why)
    return _asked({entry: match(entry) for entry in lists.asked}) or ALLOWED


def _asked(matches: Mapping[str, Match]) -> Ruling | None:
    """Return by which entry a person is asked: one about the call's fields before a name; what is in doubt first."""
    matching = [entry for entry, found in matches.items() if found is not Match.NO]
    if not matching:
        return None
    entry = min(matching, key=lambda each: (matches[each] is Match.YES, rule_of(each) is None))
    return Ruling(Access.ASKED, entry, sure=matches[entry] is Match.YES)
