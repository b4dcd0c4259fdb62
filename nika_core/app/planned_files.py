"""The files that a task reads or sends to a model, as far as they are named in the workflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from nika_core.app.prepared_run import PreparedRun
from nika_core.model.workflow import KeywordCategory, Task

_WITHOUT_TOOLS = (KeywordCategory.TOOL, KeywordCategory.GROUP)


def files_of(prepared: PreparedRun, task: Task) -> Iterator[str]:
    """Yield the paths, relative to the workflow's folder if they lie in it."""
    folder = prepared.workflow.folder
    keyword = prepared.keywords[task.keyword]
    paths = list(prepared.facets[task.keyword].files(prepared.payload(task)))
    paths += [Path(place.path) for field in task.payload if (place := task.at((field, 0))).path != task.place.path]
    block = prepared.workflow.agent
    if keyword.needs_provider and block is not None and block.system_prompt_file and not _has_own_prompt(task):
        paths.append(folder / block.system_prompt_file)
    if task.output.schema_file:
        paths.append(folder / task.output.schema_file)
    if keyword.category not in _WITHOUT_TOOLS:
        paths += _files_of_tools(prepared, task)
    if task.inner is not None and task.inner.workflow.path != prepared.workflow.path:
        paths.append(task.inner.workflow.path)
    for path in dict.fromkeys(paths):
        inside = path.absolute().is_relative_to(folder.absolute())
        yield os.path.relpath(path, folder) if inside else str(path)


def _files_of_tools(prepared: PreparedRun, task: Task) -> Iterator[Path]:
    payload = prepared.payload(task)
    for tool in payload.allowed_tools:
        word, _, reference = tool.partition("::")
        if word in prepared.facets:  # not `*`, nor a word whose plugin may not be used
            yield from prepared.facets[word].tool_files(reference, payload)


def _has_own_prompt(task: Task) -> bool:
    return "systemPrompt" in task.payload or "systemPromptFile" in task.payload
