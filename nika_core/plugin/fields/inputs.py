"""Declared values, as a workflow's `inputs:` and a question's form have them."""

from __future__ import annotations

from nika_core.plugin.fields.containers import Enum, Map, MapPattern, Optional
from nika_core.plugin.fields.scalars import BoundedFloat, NonEmptyStr, StrictBool
from nika_core.plugin.fields.texts import Anything, Str


class Inputs(MapPattern):
    """Accept declared values by name, as `inputs:` has them; `input_spec` reads each of them."""

    def __init__(self) -> None:
        declared = Map(
            {
                Optional("type"): Enum(["string", "int", "float", "bool", "json"]),
                Optional("description"): Str(),
                Optional("default"): Anything(),
                Optional("required"): StrictBool(),
                Optional("enum"): Anything(),
                Optional("min"): BoundedFloat(),
                Optional("max"): BoundedFloat(),
            }
        )
        super().__init__(NonEmptyStr(), declared)
