"""What a document says at first sight, without a catalog: for who has its text, and perhaps not its plugins."""

from __future__ import annotations

from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.parsing import parse
from nika_core.document.yaml.read_limits import ReadLimits
from nika_core.model.clock import SystemClock
from nika_core.model.limits import Limits


def declared_tasks(text: str) -> tuple[str, ...]:
    """The ids of a document's tasks, in declared order, as far as it can be read. Never raises for what is in it."""
    limits = Limits()  # the text was within them when it was run
    root = parse(
        text.encode("utf-8", "replace"), text, ReadLimits.of(limits), ValidationDeadline(SystemClock(), limits)
    ).root
    tasks = root.get("tasks") if type(root) is dict else None
    ids = (task.get("id") for task in tasks if type(task) is dict) if type(tasks) is list else ()
    return tuple(str(name) for name in ids if isinstance(name, str))
