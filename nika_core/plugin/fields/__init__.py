"""Validators for payloads, sections and settings: strictyaml's, with types, documentation and templates.

    from nika_core.plugin import Keyword, fields

    PAYLOAD = fields.Map(
        {
            "text": fields.field(fields.Str(), "What is searched for."),
            "limit": fields.field(fields.Templated(fields.PositiveInt()), "Lines at most.", default=10),
            fields.Optional("file"): fields.field(fields.Str(), "The file, relative to the workflow's folder."),
        }
    )

A validator here is a description: strictyaml is imported when the first document is read, not when a plugin is. A
validator of strictyaml's own may stand wherever one of these may. `a | b` accepts what either accepts.
"""

from nika_core.plugin.fields.containers import (
    Checked,
    EmptyDict,
    EmptyList,
    Enum,
    Field,
    FixedSeq,
    Map,
    MapPattern,
    Optional,
    Seq,
    Templated,
    TextFile,
    UniqueSeq,
    field,
    field_docs,
)
from nika_core.plugin.fields.inputs import Inputs
from nika_core.plugin.fields.scalars import (
    BoundedFloat,
    Duration,
    NonEmptyStr,
    PositiveInt,
    Scalar,
    StrictBool,
    VariableName,
)
from nika_core.plugin.fields.texts import Anything, Bool, Email, Float, Int, Regex, Str, Url
from nika_core.plugin.fields.validator import Validator, strict

__all__ = [
    "Anything",
    "Bool",
    "BoundedFloat",
    "Checked",
    "Duration",
    "Email",
    "EmptyDict",
    "EmptyList",
    "Enum",
    "Field",
    "FixedSeq",
    "Float",
    "Inputs",
    "Int",
    "Map",
    "MapPattern",
    "NonEmptyStr",
    "Optional",
    "PositiveInt",
    "Regex",
    "Scalar",
    "Seq",
    "Str",
    "StrictBool",
    "Templated",
    "TextFile",
    "UniqueSeq",
    "Url",
    "Validator",
    "VariableName",
    "field",
    "field_docs",
    "strict",
]
