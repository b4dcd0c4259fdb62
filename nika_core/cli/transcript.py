"""The conversations of a run as text: `nika runs show --transcript`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import nika_core as nika
from nika_core.cli.console import json_text, plain, style_data
from nika_core.cli.progress import duration_text
from nika_core.model.text import time_text
from nika_core.model.usage import NOTHING, money_text, tokens_text

_SHOWN: Final = 600  # characters of a text, unless -v
_ARGUMENTS: Final = 200  # characters of a tool's arguments, unless -v


def conversation_lines(conversations: Iterable[nika.Transcript], verbose: bool, *, running: bool) -> Iterator[str]:
    """Yield the lines of conversations; without `verbose` long texts are shortened."""
    for conversation in conversations:
        within = f" within {plain(' / '.join(conversation.within))}" if conversation.within else ""
        yield style_data(f"=== {plain(conversation.task)}{within}", "bold")
        for turn in conversation.turns:
            yield from _turn_lines(turn, verbose, running=running)


def _turn_lines(turn: nika.Turn, verbose: bool, *, running: bool) -> Iterator[str]:
    if turn.role == "restart":
        yield style_data(f"--- goes on from its first {turn.kept} messages", "yellow")
        return
    facts = [time_text(turn.at)]
    if turn.model:
        instead = f" instead of {', '.join(turn.instead_of)}" if turn.instead_of else ""
        facts.append(plain(f"{turn.model}{instead}"))
    if turn.usage != NOTHING:
        facts.append(tokens_text(turn.usage.total_tokens, turn.usage.cached_tokens, turn.usage.cache_write_tokens))
        if turn.usage.cost_usd:
            facts.append(money_text(turn.usage.cost_usd))
    if turn.duration_ms is not None:
        facts.append(duration_text(turn.duration_ms / 1000))
    name = f"tool {plain(turn.tool)}" if turn.tool else plain(turn.role)
    failed = style_data(" failed", "red") if turn.is_error else ""
    yield f"{style_data(name, 'bold')}{failed}  {style_data(', '.join(facts), 'dim')}"
    if not turn.answered:
        yield "    (no answer yet)" if running else "    (no answer)"
    if turn.arguments is not None:
        yield f"    given {_shortened(json_text(turn.arguments), _ARGUMENTS, verbose)}"
    yield from (f"    [file {plain(name)}]" for name in turn.files)
    if turn.text:
        text = _shortened(plain(turn.text), _SHOWN, verbose)
        yield from (f"    {line}" for line in text.splitlines())
    for call in turn.tool_calls:
        yield f"    → {plain(str(call['name']))} {_shortened(json_text(call['arguments']), _ARGUMENTS, verbose)}"


def _shortened(text: str, most: int, verbose: bool) -> str:
    return text if verbose or len(text) <= most else f"{text[:most]}… ({len(text)} characters; -v shows all)"
