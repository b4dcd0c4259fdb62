"""Writes a project's first files; what is there already is never touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nika_core.errors import UsageError
from nika_core.model.json import JsonObject
from nika_core.values import dataclass

SCHEMA_FILE: Final = ".vscode/nika-workflow.schema.json"
PROJECT_SCHEMA_FILE: Final = ".vscode/nika-project.schema.json"
SETTINGS_FILE: Final = ".vscode/settings.json"
_FILES: Final = Path(__file__).with_name("files")
TEMPLATES: Final = ("hello", "review", "triage", "report", "agent")  # each has a folder of its own in `files`
DEFAULT_TEMPLATE: Final = "hello"
_BINDING: Final = {
    "yaml.schemas": {f"./{SCHEMA_FILE}": ["*.nika.yaml", "*.nika.yml"], f"./{PROJECT_SCHEMA_FILE}": ["nika.yaml"]}
}
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
    schema: JsonObject | None = None,
    project_schema: JsonObject | None = None,
    *,
    template: str = DEFAULT_TEMPLATE,
) -> list[Made]:
    """Write the files that are not there yet.

    Args:
        schema: the JSON Schema of workflows; without it nothing is written for editors.
        project_schema: the JSON Schema of the project file.
        template: one of TEMPLATES.

    Raises:
        UsageError: there is no such template, or the folder cannot be made or written to.
    """
    if template not in TEMPLATES:
        raise UsageError(f"there is no template '{template}'", hint=f"there are: {', '.join(TEMPLATES)}")
    texts = _texts(template)
    if schema is not None:
        texts[SETTINGS_FILE] = json.dumps(_BINDING, indent=2) + "\n"
        texts[SCHEMA_FILE] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        texts[PROJECT_SCHEMA_FILE] = json.dumps(project_schema or {}, indent=2, ensure_ascii=False) + "\n"
    try:
        return [_write(folder / name, text, _BY_HAND.get(name)) for name, text in texts.items()]
    except OSError as error:
        raise UsageError(
            f"the project cannot be written: {error.strerror or error}: {error.filename or folder}",
            hint="name a folder in which you may write, or one that does not exist yet",
        ) from None


def _texts(template: str) -> dict[str, str]:
    """Return the text of each file of a template, by its path in the project."""
    project = "project.yaml" if template == DEFAULT_TEMPLATE else "project_of_template.yaml"
    texts = {"nika.yaml": (_FILES / project).read_text("utf-8").replace("MAIN", f"{template}.nika.yaml")}
    folder = _FILES / template
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            texts[path.relative_to(folder).as_posix()] = path.read_text("utf-8")
    return {**texts, ".gitignore": (_FILES / "gitignore.txt").read_text("utf-8")}


def _write(path: Path, text: str, by_hand: str | None) -> Made:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return Made(path, kept=True, hint=by_hand)
    return Made(path, kept=False)
