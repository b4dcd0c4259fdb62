"""What of a run needs a folder that all machines share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from nika_core import codes
from nika_core.app.prepared_run import PreparedRun
from nika_core.errors import NikaError, UsageError
from nika_core.model.json import Json
from nika_core.model.payload_tree import list_parts, placeholders_in
from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import Task
from nika_core.plugin import Values


def refuse_unshared(prepared: PreparedRun) -> None:
    """Raise UsageError for a run that needs a shared folder, with the tasks that do."""
    found = dict(_needing(prepared))
    if not found:
        return
    whys = "; ".join(f"'{task}' ({why})" for task, why in list(found.items())[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    raise UsageError(
        f"tasks of this run need a folder that all workers share: {whys}{more}",
        code=codes.USAGE,
        hint="--shared DIR names one, which has the same path on this machine and on each worker",
    )


def _needing(prepared: PreparedRun) -> Iterator[tuple[str, str]]:
    for each in prepared.everywhere():
        for task in each.workflow.tasks:
            if any(_asks_for_folder(each, placeholder) for placeholder in _placeholders(task)):
                yield task.id, "the run's folder"
                continue
            for field in sorted(each.keywords[task.keyword].folder_fields):
                value = task.payload.get(field)
                if isinstance(value, str) and not Path(value).is_absolute():
                    yield task.id, f"`{field}` is relative"
                elif isinstance(value, Template):
                    text = value.text
                    if not text.startswith("/"):
                        yield task.id, f"`{field}` may be relative"


def _placeholders(task: Task) -> Iterator[Placeholder]:
    trees = [task.payload, task.when, *([list_parts(task.for_each)] if task.for_each is not None else [])]
    for tree in trees:
        for _, placeholder in placeholders_in(tree):
            yield from placeholder.members


class _Probe(Mapping[str, Json]):
    """What is known of a run; notes whether its folder is asked for."""

    def __init__(self) -> None:
        self.asked = False

    def __getitem__(self, key: str) -> Json:
        self.asked = self.asked or key == "folder"
        return "x"

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _asks_for_folder(prepared: PreparedRun, placeholder: Placeholder) -> bool:
    probe = _Probe()
    with suppress(NikaError):
        prepared.workspace.registry.source(placeholder.source).resolve(placeholder, Values(run=probe))
    return probe.asked
