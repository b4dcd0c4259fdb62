"""A schema that is taken for a valid one without a validator is one."""

import subprocess
import sys

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.document.validation.known_json_schemas import _FITS, is_plain_schema

DRAFTS = [
    jsonschema.Draft6Validator,
    jsonschema.Draft7Validator,
    jsonschema.Draft201909Validator,
    jsonschema.Draft202012Validator,
]
words = st.sampled_from(["object", "string", "array", "null", "a", ""])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats() | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*_FITS, "a", "$ref"]), inner, max_size=4)
    ),
    max_leaves=15,
)
likely = st.recursive(
    st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": words | st.lists(words, max_size=3),
            "required": st.lists(words, max_size=3),
            "properties": st.dictionaries(words, inner, max_size=3),
            "items": inner,
            "anyOf": st.lists(inner, max_size=3),
            "enum": st.lists(words, max_size=3),
            "minLength": st.integers(-1, 3),
            "maximum": st.floats() | st.integers(),
            "description": words,
            "uniqueItems": st.booleans(),
        },
    ),
    max_leaves=6,
)


@given(likely | values)
def test_what_is_accepted_is_valid_in_every_draft(schema):
    if is_plain_schema(schema):
        for draft in DRAFTS:
            draft.check_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "required": ["score"]},
        {"type": ["string", "null"], "description": "a name", "minLength": 1},
        {
            "type": "object",
            "properties": {"a": {"type": "array", "items": {"enum": ["x", "y"]}}, "b": {"maximum": 2.5}},
        },
        {"anyOf": [{"type": "integer"}, {"not": {"type": "null"}}], "additionalProperties": False},
    ],
)
def test_usual_schemas_need_no_validator(schema):
    assert is_plain_schema(schema)


def test_a_usual_schema_does_not_cost_the_import_of_the_library(tmp_path):
    (tmp_path / "a.nika.yaml").write_text(
        "tasks:\n  - id: a\n    shell: echo {}\n    output: {format: json, schema: {type: object, required: [score]}}\n"
    )
    code = (
        "import sys; sys.argv = ['nika', 'validate', 'a.nika.yaml']\n"
        "from nika_core.cli import main\n"
        "main()\n"
        "assert 'jsonschema' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
