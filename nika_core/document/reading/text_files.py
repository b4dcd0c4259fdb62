"""Fields of payloads whose text is a file's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nika_core import codes
from nika_core.document.validation.issues import ValidationIssue, is_refused
from nika_core.document.yaml.source_map import SourceMap
from nika_core.model.files import FileError, read_text
from nika_core.model.named_files import named_file
from nika_core.plugin.fields import TextFile

_RELATIVE = "its path is relative to the workflow's file"
Texts = dict[str, tuple[str, SourceMap]]  # by field: the key that names the file, and its text


def with_texts(
    node: dict[Any, Any], files: Mapping[str, TextFile], folder: Path, texts: Texts, issues: list[ValidationIssue]
) -> dict[Any, Any]:
    """Return a payload in which the texts of files stand in the fields that they are for.

    Args:
        files: the fields that name files, by key.
        texts: is given what was read.
    """
    filled = node
    for key, file in files.items():
        if key not in node:
            continue
        name, field = node[key], file.stands_for
        filled = dict(filled) if filled is node else filled
        if field in node:
            message = f"`{field}` and `{key}` are both given"
            issues.append(ValidationIssue(message, "keep one of them", [key], True, code=codes.BAD_PAYLOAD))
            continue
        filled[field] = ""
        if is_refused(name) or not isinstance(name, str):
            continue  # the schema says what is wrong with it
        text = _read(folder, name, file.max_bytes)
        if isinstance(text, ValidationIssue):
            text.path.append(key)
            issues.append(text)
            continue
        filled[field] = text
        texts[field] = (key, SourceMap(text, str(folder / name)))
    return filled


def _read(folder: Path, name: str, max_bytes: int) -> str | ValidationIssue:
    if "{{" in name or "${" in name:
        return ValidationIssue("a file is named by the author: a template cannot stand here", "write its name")
    try:
        return read_text(named_file(folder, name), max_bytes)
    except FileError as error:
        place = error.place if error.place is not None and error.place.line else None
        return ValidationIssue(f"the file `{name}` {error.reason}", error.hint or _RELATIVE, place=place)
