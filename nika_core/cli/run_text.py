"""A recorded run as lines of text: its head, its tasks and what is inside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from nika_core.cli.console import json_text, plain, style_data
from nika_core.cli.progress import duration_text
from nika_core.cli.waiting import sender_text, waits_for_text
from nika_core.model.question import answer_text
from nika_core.model.text import seconds_since_epoch, time_text
from nika_core.model.usage import money_text, tokens_text

_SHOWN: Final = 200  # characters of an output, unless all is wanted
_NAMED: Final = 10  # items of a list that are named, unless all are wanted
_CHILDREN: Final = ("items", "rounds", "tasks")


def run_lines(found: dict[str, Any], verbose: bool) -> Iterator[str]:
    """Yield the lines of a run, given as JSON."""
    usage = found.get("usage", {})
    started = time_text(seconds_since_epoch(found["startedAt"]))
    head = (style_data(found["runId"], "bold"), plain(found["workflow"]), found["status"], started)
    yield "  ".join(head)
    yield plain(found["path"])
    bold = bold_text()
    for task in found["tasks"]:
        yield from task_lines(task, verbose, bold)
    for decision in found.get("decisions", ()):
        yield f"decision: {json_text(decision)}"
    cost = f", {money_text(usage['costUsd'])}" if usage.get("costUsd") else ""
    if usage.get("savedUsd"):
        cost += f", {money_text(usage['savedUsd'])} saved by batches"
    if usage.get("unknownTokens"):
        cost += f", up to {usage['unknownTokens']} more by calls that were cut off"
    unpriced = f", unpriced: {plain(', '.join(usage['unpriced']))}" if usage.get("unpriced") else ""
    yield f"{_tokens(usage)}{cost}{unpriced}"


def task_lines(
    task: dict[str, Any], verbose: bool, bold: Callable[[str], str] = str, indent: str = "  "
) -> Iterator[str]:
    """Yield the lines of a task; of what is inside it the first few that did not succeed, with `verbose` all."""
    facts = [task["state"]]
    kind, children = next(((kind, task[kind]) for kind in _CHILDREN if kind in task), ("", []))
    if kind:
        facts.append(_counts(kind, children))
    if task.get("skipReason"):
        facts.append(task["skipReason"])
    if task.get("attempts"):
        facts.append("1 attempt" if task["attempts"] == 1 else f"{task['attempts']} attempts")
    if "durationMs" in task:
        facts.append(duration_text(task["durationMs"] / 1000))
    usage = task.get("usage") or {}
    if usage.get("totalTokens"):
        facts.append(_tokens(usage))
    if cost := cost_text(usage):
        facts.append(cost)
    if usage.get("models"):
        facts.append(f"by {plain(', '.join(usage['models']))}")
    if task.get("reused"):
        facts.append(f"reused ({plain(task['reason'])})" if task.get("reason") else "reused")
    key = f" ({plain(task['key'])})" if "key" in task else ""
    yield (f"{indent}{bold(task['id'])}{key}  {task.get('keyword', '')}  {', '.join(facts)}")
    if "error" in task:
        yield f"{indent}    [{task['error']['code']}] {plain(task['error']['message'])}"
    if "answered" in task:
        answered = task["answered"] | {"at": seconds_since_epoch(task["answered"]["at"])}
        yield f"{indent}    answered {plain(answer_text(answered['answer']))}{sender_text(answered)}"
    if task["state"] == "waiting":
        since = seconds_since_epoch(task["waitingSince"]) if "waitingSince" in task else None
        yield f"{indent}    {waiting_text(task['waitsFor'], since)}"
    if "output" in task:
        output = task["output"]
        text = plain(output) if isinstance(output, str) else json_text(output)
        if not verbose and len(text) > _SHOWN:
            text = _shortened(text, len(text))
        yield from (f"{indent}    {line}" for line in text.splitlines())
    elif "outputStart" in task:
        start = task["outputStart"]
        yield from (f"{indent}    {line}" for line in _shortened(plain(start["text"]), start["length"]).splitlines())
    shown = children if verbose else [child for child in children if child["state"] not in ("success", "skipped")]
    for child in shown if verbose else shown[:_NAMED]:
        yield from task_lines(child, verbose, bold, f"{indent}  ")
    if not verbose and len(shown) > _NAMED:
        yield f"{indent}  … and {len(shown) - _NAMED} more (-v shows all)"


def nodes(tasks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the tasks and all that is inside them."""
    for task in tasks:
        yield task
        for kind in _CHILDREN:
            yield from nodes(task.get(kind, ()))


def bold_text() -> Callable[[str], str]:
    """Return what makes an id bold. Whether stdout shows colours is found out once."""
    before, _, after = style_data("|", "bold").partition("|")
    return lambda text: f"{before}{text}{after}"


def cost_text(usage: dict[str, Any]) -> str:
    """Return what model calls cost; a model without a known price is unpriced, not free."""
    cost, unpriced = usage.get("costUsd", 0), usage.get("unpriced")
    parts = [money_text(cost)] if cost or (usage.get("totalTokens") and not unpriced) else []
    return " + ".join([*parts, *(["unpriced"] if unpriced else [])])


def _tokens(usage: dict[str, Any]) -> str:
    """Return the tokens of a usage as text."""
    return tokens_text(usage.get("totalTokens", 0), usage.get("cachedTokens", 0), usage.get("cacheWriteTokens", 0))


def waiting_text(about: Mapping[str, Any], since: float | None) -> str:
    """Return what a task waits for, and since when (seconds since the epoch)."""
    return f"waits for {waits_for_text(about)}{f', since {time_text(since)}' if since is not None else ''}"


def _shortened(text: str, length: int) -> str:
    return f"{text[:_SHOWN]}… ({length} characters; -v shows all)"


def _counts(kind: str, children: list[dict[str, Any]]) -> str:
    """Return e.g. `3 items (2 success, 1 failed)`."""
    states = Counter(child["state"] for child in children)
    name = kind if len(children) != 1 else kind.removesuffix("s")
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    return f"{len(children)} {name}" + (f" ({counts})" if len(states) > 1 else "")
