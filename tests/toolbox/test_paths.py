"""A value in a path does not lead out of the folder that its author wrote before it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.errors import TemplateValueError
from nika_core.template.compiler import compile_template
from nika_core.toolbox.paths import path_within


@pytest.mark.parametrize(
    ("text", "value", "path"),
    [
        ("sub/{{x}}", "a/b", "sub/a/b"),
        ("sub/{{x}}", "a/../b", "sub/a/../b"),
        ("sub/{{x}}", "/etc", "sub//etc"),
        ("sub/a{{x}}", "b", "sub/ab"),
        ("{{x}}/out", "a", "a/out"),
        ("/srv/{{x}}", "a", "/srv/a"),
        ("../{{x}}", "a", "../a"),
        ("sub", "", "sub"),
        ("n{{x}}", 7, "n7"),
        ("{{x}}", "/anywhere/..", "/anywhere/.."),
    ],
)
def test_a_value_within_the_folder_is_put_into_the_path(text: str, value: object, path: str) -> None:
    assert path_within(compile_template(text), [value]) == path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sub/{{x}}", ".."),
        ("sub/{{x}}", "../.."),
        ("sub/{{x}}", "a/../../b"),
        ("sub/.{{x}}", "./a"),
        ("sub/{{x}}{{x}}", "."),
        ("{{x}}/out", "/etc"),
        ("{{x}}/out", "../.."),
        ("./{{x}}", "../a"),
        ("/srv/{{x}}", "../etc"),
        ("sub/{{x}}", "a\0b"),
    ],
)
def test_a_value_that_leads_out_is_refused(text: str, value: str) -> None:
    template = compile_template(text)
    with pytest.raises(TemplateValueError, match=r"leads out of|NUL byte"):
        path_within(template, [value, value])


def test_a_value_that_is_the_whole_path_leads_anywhere_only_where_that_is_meant() -> None:
    assert path_within(compile_template("{{x}}"), ["../a"]) == "../a"
    with pytest.raises(TemplateValueError, match="workflow's folder"):
        path_within(compile_template("{{x}}"), ["../a"], whole=False)


@given(st.lists(st.sampled_from(["..", ".", "a", "/", "//", "b/", "../"]), max_size=6).map("".join))
def test_no_value_leads_out(value: str) -> None:
    template = compile_template("sub/{{x}}/end")
    try:
        path = path_within(template, [value])
    except TemplateValueError:
        return
    assert os.path.normpath(path).split("/")[0] == "sub"
