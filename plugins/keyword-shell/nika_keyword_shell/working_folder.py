"""The folder in which a command runs, if a value names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from nika_core.plugin import Category, Json, JsonObject, TaskError, Template, TemplateValueError, codes
from nika_core.toolbox.paths import path_within

_NAMED_BY_USER: Final = frozenset({"input", "env", "run"})  # template sources whose folders no task decides
_HINT: Final = (
    "a value names a folder within the workflow's folder; for one in the run's folder, write ${run.folder}/ before it"
)


def working_folder(template: Template | str, values: Sequence[Json]) -> Json:
    """Return the folder as a path, or `{"absolute", "of"}` if `resolved` has to look where the path lies.

    Raises TemplateValueError for a value that leads out of the folder before it.
    """
    try:
        return path_within(template, values, whole=False, named_by_user=_NAMED_BY_USER)
    except TemplateValueError:
        if isinstance(template, str) or template.single is None or not isinstance(values[0], str):
            raise
        if not values[0].startswith("/") or "\0" in values[0]:
            raise
        return {"absolute": values[0], "of": template.placeholders[0].text}


def resolved(payload: JsonObject, folder: Path) -> Path:
    """Return the folder in which the command runs. Raise TaskError (`template`) if a value leads out of the workflow's.

    Args:
        payload: the task's, rendered.
        folder: the workflow's folder.
    """
    named: Json = payload.get("workingDir", ".")
    if not isinstance(named, Mapping):
        return folder / str(named)
    path = Path(str(named["absolute"])).resolve()
    if path.is_relative_to(folder.resolve()):
        return path
    raise TaskError(
        f"the value of {named['of']} leads out of the workflow's folder: {str(path)[:200]!r}",
        category=Category.TEMPLATE,
        code=codes.VALUE_NOT_ALLOWED_HERE,
        hint=_HINT,
    )
