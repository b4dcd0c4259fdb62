"""From a compiled template and values to text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from nika_core.errors import TemplateValueError
from nika_core.model.json import Json
from nika_core.model.template import Template

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def to_text(value: Json) -> str:
    """Return a string as it is, anything else as compact JSON. Raises TemplateValueError for what is not JSON."""
    if isinstance(value, str):
        return value
    try:
        return _ENCODER.encode(value)
    except RecursionError:
        raise TemplateValueError("the value is nested too deeply to be written as text") from None
    except (TypeError, ValueError) as error:
        raise TemplateValueError(f"the value is not JSON: {error}") from None


def render(template: Template | str, values: Sequence[Json]) -> str:
    """Return the text with the values, one for each placeholder in order, put in. Nothing is scanned again."""
    if isinstance(template, str):
        return template
    pieces = list(template.plan)
    pieces[1::2] = values  # type: ignore[assignment]  # `join` raises TypeError for values that are not text
    try:
        return "".join(pieces)  # type: ignore[arg-type]  # ditto
    except TypeError:
        pieces[1::2] = map(to_text, values)
        return "".join(pieces)  # type: ignore[arg-type]  # placeholders are replaced by text
