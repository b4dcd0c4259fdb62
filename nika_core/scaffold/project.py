"""Writes a project's first files; what is there already is never touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nika_core.errors import UsageError
from nika_core.model.json import JsonObject
from nika_core.model.project import FILE_NAME
from nika_core.values import dataclass

SCHEMA_FILE: Final = ".vscode/nika-workflow.schema.json"
PROJECT_SCHEMA_FILE: Final = ".vscode/nika-project.schema.json"
SETTINGS_FILE: Final = ".vscode/settings.json"
_BINDING: Final = {
    "yaml.schemas": {f"./{SCHEMA_FILE}": ["*.nika.yaml", "*.nika.yml"], f"./{PROJECT_SCHEMA_FILE}": ["nika.yaml"]}
}
_PROJECT: Final = """\
# What `nika run` runs in this folder, and with what. Every key is optional.
main: MAIN
# Two edits make it real: name a provider (`nika providers` lists them, with their keys), and one of its models.
provider: mock     # claude, for instance; `mock` plays the models, offline and without a key
model: mock-small  # claude-sonnet-5, for instance
"""
_GITIGNORE: Final = """\
# The history of runs, and what models and tools answered in them.
.nika/

# Keys stay out of the repository.
.env
"""
_BY_HAND: Final[Mapping[str, str]] = {
    ".gitignore": "see that it has a line .nika/ (the history of runs)",
    SETTINGS_FILE: f"to have workflows checked while you type, add to it: {json.dumps(_BINDING)[1:-1]}",
}


@dataclass(frozen=True, slots=True)
class Made:
    """A file of the project. `kept`: it was there, and is as it was; `hint`: what to see to by hand then."""

    path: Path
    kept: bool
    hint: str | None = None


def make_project(
    folder: Path,
    template: Mapping[str, str],
    main: str,
    schema: JsonObject | None = None,
    project_schema: JsonObject | None = None,
) -> list[Made]:
    """Write the files that are not there yet.

    Args:
        template: the text of each file, by its path in the project.
        main: the workflow that the project file names, if the template has no project file.
        schema: the JSON Schema of workflows; without it nothing is written for editors.
        project_schema: the JSON Schema of the project file.

    Raises:
        UsageError: the folder cannot be made or written to.
    """
    texts = {FILE_NAME: _PROJECT.replace("MAIN", main), **template}
    texts.setdefault(".gitignore", _GITIGNORE)
    if schema is not None:
        texts.setdefault(SETTINGS_FILE, json.dumps(_BINDING, indent=2) + "\n")
        texts[SCHEMA_FILE] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        texts[PROJECT_SCHEMA_FILE] = json.dumps(project_schema or {}, indent=2, ensure_ascii=False) + "\n"
    try:
        return [_write(folder / name, text, _BY_HAND.get(name)) for name, text in texts.items()]
    except OSError as error:
        raise UsageError(
            f"the project cannot be written: {error.strerror or error}: {error.filename or folder}",
            hint="name a folder in which you may write, or one that does not exist yet",
        ) from None


def _write(path: Path, text: str, by_hand: str | None) -> Made:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return Made(path, kept=True, hint=by_hand)
    return Made(path, kept=False)
