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


USER = {"input", "env", "run"}


@pytest.mark.parametrize(
    ("text", "values", "path"),
    [
        ("${input.x}", ["/srv"], "/srv"),
        ("${input.x}", ["../a"], "../a"),
        ("${env.X ?? input.x}", ["/srv"], "/srv"),
        ("${run.folder}/out/{{x}}", ["/runs/1", "a"], "/runs/1/out/a"),
        ("${run.folder}/{{x}}", ["/runs/1/", "a"], "/runs/1/a"),
        ("${run.folder}/{{x}}", ["/runs/1", "/runs/1/tmp.a"], "/runs/1/tmp.a"),
        ("${run.folder}/{{x}}/out", ["/runs/1", "/runs/1/tmp.a"], "/runs/1/tmp.a/out"),
        ("${run.folder}/{{x}}", ["/runs/1", "/runs/2/a"], "/runs/1//runs/2/a"),
        ("{{x}}", ["a"], "a"),
        ("{{x}}/out", ["a"], "a/out"),
    ],
)
def test_a_folder_that_the_user_names_is_anywhere_and_what_follows_stays_in_it(
    text: str, values: list[str], path: str
) -> None:
    assert path_within(compile_template(text), values, whole=False, named_by_user=USER) == path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{{x}}", ["/etc"]),
        ("{{x}}", [".."]),
        ("${each.item}", ["/etc"]),
        ("${input.x ?? task.a}", ["/etc"]),
        ("${run.folder}/{{x}}", ["/runs/1", "../2"]),
        ("${run.folder}/out/{{x}}", ["/runs/1", "../../2"]),
        ("${run.folder}/{{x}}", ["/runs/1", "/runs/1/../2"]),
        ("${run.folder}/{{x}}", ["/runs/1", "/runs/1/a/../../2"]),
        ("${input.x}{{x}}", ["/srv", "/../etc"]),
        ("${input.x}/{{x}}", ["", "etc"]),
        ("${input.x}/{{x}}", ["/", "etc"]),
        ("{{x}}${input.x}", ["/etc", ""]),
    ],
)
def test_a_value_of_a_task_names_no_folder_outside(text: str, values: list[str]) -> None:
    with pytest.raises(TemplateValueError, match="leads out of"):
        path_within(compile_template(text), values, whole=False, named_by_user=USER)


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
