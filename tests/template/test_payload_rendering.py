"""Values into payloads, field by field, by the keyword's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from nika_core import codes
from nika_core.errors import PluginError, TemplateValueError
from nika_core.model.json import Json
from nika_core.model.template import Placeholder, Template
from nika_core.plugin import Facets, Keyword, Scope, Source, SourceReport, Values
from nika_core.registry import Kind, PluginRecord
from nika_core.registry.guarded_source import GuardedSource
from nika_core.template import compile_template, render, render_payload, resolve

KEYWORD = Keyword(
    name="demo",
    summary="A keyword with every kind of field.",
    primary="text",
    payload=None,
    step="x:Y",
    json_fields=frozenset({"json"}),
    verbatim_fields=frozenset({"code"}),
    rendered_fields=frozenset({"command"}),
)


class Upper(Facets):
    """Puts custom fields together in capitals, and refuses a line break."""

    def render(self, field: str, template: Template | str, values: Sequence[Json]) -> Json:
        text = render(template, values)
        if "\n" in text:
            raise TemplateValueError("a line break", code=codes.VALUE_NOT_ALLOWED_HERE)
        return text.upper()


VALUES: dict[str, Any] = {
    "n": 3,
    "t": "text",
    "o": {"a": [1, None]},
    "b": True,
    "nothing": None,
    "bad": object(),
    "nan": float("nan"),
}


def value_of(placeholder: Placeholder) -> Any:
    name = placeholder.path[0]
    if name not in VALUES:
        raise TemplateValueError(f"{placeholder.text}: no value")
    return VALUES[name]


def compiled(value: Any) -> Any:
    if isinstance(value, str):
        return compile_template(value)
    if isinstance(value, Mapping):
        return {key: compiled(item) for key, item in value.items()}
    return [compiled(item) for item in value] if isinstance(value, list) else value


def rendered(payload: Mapping[str, Any], **options: Any) -> Mapping[str, Any]:
    made = {name: value if name == "code" else compiled(value) for name, value in payload.items()}
    return render_payload(KEYWORD, Upper(), made, value_of, **options)


def test_text_fields_are_text_whatever_the_value():
    found = rendered({"text": "{{n}}", "more": "{{o}} {{b}} {{nothing}} {{t}}", "map": {"k": ["{{n}}"]}})
    assert found == {"text": "3", "more": '{"a":[1,null]} true null text', "map": {"k": ["3"]}}


def test_where_only_the_short_form_exists_a_place_is_named_by_the_word():
    keyword = Keyword(
        name="whole",
        summary="A keyword without fields.",
        primary="value",
        short_form_only=True,
        payload=None,
        step="x:Y",
        json_fields=frozenset({"value"}),
    )
    payload = {"value": compiled({"value": ["{{n}}", "{{missing}}"]})}
    with pytest.raises(TemplateValueError, match=r"^in 'whole\.value\.1': "):
        render_payload(keyword, Facets(), payload, value_of)


def test_a_single_placeholder_in_a_tree_keeps_its_type_anywhere_in_it():
    found = rendered({"json": {"a": "{{n}}", "b": ["{{o}}", {"c": "{{b}}"}], "d": "n={{n}}", "e": 5, "f": " {{n}}"}})
    assert found["json"] == {"a": 3, "b": [{"a": [1, None]}, {"c": True}], "d": "n=3", "e": 5, "f": " 3"}
    assert rendered({"json": "{{o}}"})["json"] is VALUES["o"]


def test_an_escape_in_a_tree_is_text():
    assert rendered({"json": r"\{{n}}"})["json"] == "{{n}}"


def test_literal_fields_are_left_alone():
    assert rendered({"code": "{{n}} ${HOME}"}) == {"code": "{{n}} ${HOME}"}


def test_custom_fields_are_put_together_by_the_keyword_with_and_without_placeholders():
    assert rendered({"command": "a {{t}}"}) == {"command": "A TEXT"}
    assert rendered({"command": {"x": "plain", "y": ["{{t}}", 1]}}) == {"command": {"x": "PLAIN", "y": ["TEXT", 1]}}


def test_what_has_no_template_is_the_same_object():
    payload = {"text": "plain", "json": {"a": [1, "b"]}}
    found = render_payload(KEYWORD, Upper(), payload, value_of)
    assert found["json"] is payload["json"]
    assert found["text"] is payload["text"]


def test_a_placeholder_is_resolved_once_however_often_it_stands():
    asked: list[str] = []

    def count(placeholder: Placeholder) -> Json:
        asked.append(placeholder.text)
        return 1

    render_payload(KEYWORD, Upper(), compiled({"text": "{{a}}{{a}}", "json": ["{{a}}", "{{b}}"]}), count)
    assert asked == ["{{a}}", "{{b}}"]


def test_an_error_names_the_field_and_the_placeholder():
    with pytest.raises(TemplateValueError, match=r"in 'json\.list\.1': \{\{absent\}\}: no value"):
        rendered({"json": {"list": ["x", "{{absent}}"]}})


def test_a_refusal_of_the_keyword_keeps_its_code_and_gets_its_field():
    with pytest.raises(TemplateValueError, match="in 'command': a line break") as caught:
        rendered({"command": "a\n{{t}}"})
    assert caught.value.code == codes.VALUE_NOT_ALLOWED_HERE


def test_a_value_that_is_no_json_is_refused():
    with pytest.raises(TemplateValueError, match="in 'text': the value is not JSON"):
        rendered({"text": "{{bad}}"})
    with pytest.raises(TemplateValueError, match="not JSON"):
        rendered({"text": "{{nan}}"})


def test_a_tree_that_grows_too_deep_is_refused():
    assert rendered({"json": ["{{o}}"]}, max_depth=3)
    with pytest.raises(TemplateValueError, match="nested deeper than 2 levels") as caught:
        rendered({"json": ["{{o}}"]}, max_depth=2)
    assert caught.value.code == codes.DEPTH_LIMIT


def test_a_text_that_grows_too_long_is_refused():
    with pytest.raises(TemplateValueError, match="at most 10 are allowed") as caught:
        rendered({"text": "{{t}} {{t}} {{t}}"}, max_characters=10)
    assert caught.value.code == codes.VALUE_TOO_LARGE


class Vault:
    """A source with one value, one null, one broken key."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None: ...

    def depends_on(self, placeholder: Placeholder) -> Sequence[str]:
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        match placeholder.path[0]:
            case "there":
                return "value"
            case "null":
                return None
            case "broken":
                raise KeyError("oops")
            case "deep":
                raise TemplateValueError("too deep", code=codes.DEPTH_LIMIT)
        raise TemplateValueError("nothing of that name")


def source_of(name: str) -> Source:
    """As the registry hands it out."""
    if name == "vault":
        return GuardedSource(Vault(), PluginRecord(Kind.TEMPLATE_SOURCE, name, "acme", "acme", "1.0"))
    raise PluginError(codes.UNKNOWN_SOURCE, f"no plugin offers '{name}'")


def resolved(text: str) -> Json:
    template = compile_template(text)
    assert isinstance(template, Template)
    return resolve(template.placeholders[0], Values(), source_of)


def test_a_default_stands_in_for_a_missing_value_and_for_null_only():
    assert resolved("${vault.there ?? 1}") == "value"
    assert resolved("${vault.absent ?? 1}") == 1
    assert resolved("${vault.null ?? 1}") == 1
    assert resolved("${vault.null}") is None
    assert resolved("${vault.absent ?? null}") is None
    with pytest.raises(TemplateValueError, match="too deep"):
        resolved("${vault.deep ?? 1}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${vault.absent ?? vault.there ?? 1}", "value"),
        ("${vault.null ?? vault.absent ?? vault.there}", "value"),
        ("${vault.there ?? vault.broken}", "value"),
        ("${vault.absent ?? vault.null ?? 'end'}", "end"),
    ],
)
def test_a_chain_has_the_first_value_that_is_there(text: str, value: Json):
    assert resolved(text) == value


def test_a_chain_without_a_value_says_what_each_reference_lacks():
    with pytest.raises(TemplateValueError) as caught:
        resolved("${vault.absent ?? vault.null}")
    assert caught.value.message == (
        "${vault.absent ?? vault.null}: none of its references has a value: nothing of that name; 'null' is null"
    )
    assert '${vault.absent ?? vault.null ?? "..."}' in (caught.value.hint or "")
    assert caught.value.code == codes.MISSING_VALUE


def test_what_is_wrong_in_a_chain_is_not_hidden_by_what_follows():
    with pytest.raises(TemplateValueError, match="too deep"):
        resolved("${vault.absent ?? vault.deep ?? vault.there}")


def test_a_missing_value_without_a_default_shows_how_to_write_one():
    with pytest.raises(TemplateValueError, match=r"\$\{vault\.absent\}: nothing of that name") as caught:
        resolved("${vault.absent}")
    assert caught.value.hint is not None
    assert '${vault.absent ?? "..."}' in caught.value.hint
    with pytest.raises(TemplateValueError) as caught:
        resolved("""${vault.absent."a | b" | join(' | ') | trim}""")
    assert """${vault.absent."a | b" ?? "..." | join(' | ') | trim}""" in (caught.value.hint or "")


def test_a_source_that_fails_is_named():
    with pytest.raises(TemplateValueError, match=r"the plugin for 'vault' \(acme 1.0\) fails in `resolve`: KeyError"):
        resolved("${vault.broken ?? 1}")
    with pytest.raises(TemplateValueError, match="no plugin offers 'nobody'"):
        resolved("${nobody.x}")
