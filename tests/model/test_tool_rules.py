"""Rules match only what surely is what they say: no path leaves its folder, and no further word is let in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nika_core.model.path_globs import glob_problem, match_paths
from nika_core.model.tool_rules import (
    Match,
    covers_entry,
    entry_text,
    match_fields,
    may_overlap_entry,
    rule_of,
    tool_of,
)

PARTS = st.sampled_from(
    ["..", ".", "", "docs", "a", "b.txt", "~", "link", "out", "...", "..;", "%2e%2e", "Docs", " .."]
)
PATHS = st.lists(PARTS, min_size=1, max_size=6).map("/".join) | st.text(max_size=12)
GLOBS = ["docs/**", "**", "docs/*", "docs/*.txt", "docs/**/b.txt", "*", "docs"]
WORDS = st.sampled_from(["git", "log", "push", "-n", "*", "", "/bin/git", "GIT", "a b"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which links lead out of `docs`, and out of the project."""
    base = tmp_path_factory.mktemp("rules") / "project"
    (base / "docs" / "a").mkdir(parents=True)
    (base / "out").mkdir()
    (base.parent / "beyond").mkdir()
    (base / "docs" / "link").symlink_to(base / "out")
    (base / "docs" / "a" / "link").symlink_to(base.parent / "beyond")
    (base / "docs" / "a" / "up").symlink_to("..")
    (base / "link").symlink_to(base / "docs")
    return base


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(glob=st.sampled_from(GLOBS), path=PATHS)
def test_a_path_that_matches_is_really_below_what_the_glob_says(folder: Path, glob: str, path: str) -> None:
    if match_paths(glob, path, folder):
        real = os.path.realpath(folder / path)
        below = folder if glob in ("**", "*") else folder / "docs"
        assert Path(real) == below or below in Path(real).parents or Path(real).parent == below
        assert not path.startswith(("/", "~"))
        assert ".." not in path.split("/")


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS)
def test_what_surely_does_not_match_is_not_below_what_a_rule_forbids(folder: Path, path: str) -> None:
    if match_paths("docs/**", path, folder) is False:
        real = Path(os.path.realpath(folder / path))
        assert real != folder / "docs"
        assert folder / "docs" not in real.parents


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("docs/**", "docs/a/b.txt", True),
        ("docs/**", "docs", True),
        ("docs/**", "./docs//a", True),
        ("docs/**", "docsx/a", False),
        ("docs/*", "docs/a/b.txt", False),
        ("docs/*.txt", "docs/b.txt", True),
        ("docs/?.txt", "docs/b.txt", True),
        ("docs/[ab].txt", "docs/a.txt", False),
        ("docs/**", "docs/../out/x", None),
        ("docs/**", "/etc/passwd", None),
        ("docs/**", "~/x", None),
        ("docs/**", "docs/link/x", None),
        ("docs/**", "docs/a/link/x", None),
        ("docs/**", "docs/a/up/b.txt", True),
        ("docs/**", "link/a", None),
        ("docs/**", "docs\\..\\x", None),
        ("**", "file:///etc/passwd", None),
        ("docs/**", "docs/%2e%2e/x", None),
        ("docs/**", "docs/ ../x", None),
        ("docs/**", "docs/a\x00b", None),
        ("docs/**", "DOCS/a", None),
        ("docs/**", "", None),
        ("**/b.txt", "docs/a/b.txt", True),
        ("docs/**/b.txt", "docs/b.txt", True),
    ],
)
def test_globs(folder: Path, glob: str, path: str, matches: bool | None) -> None:
    assert match_paths(glob, path, folder) is matches


def test_a_long_path_takes_no_long_time(folder: Path) -> None:
    path = "/".join("a" * 2000)
    assert match_paths("**/a/**/a/**/a/**/a/**/b", path, folder) is False
    assert match_paths("*a*a*a*a*a*a*a*b", "a" * 250, folder) is False
    assert match_paths("**", path * 10, folder) is None


@pytest.mark.parametrize("glob", ["", " ", "/x/**", "~/x", "a/../b", "..", ".", "a\\b", "file:x"])
def test_a_glob_that_no_path_can_match_has_a_problem(glob: str) -> None:
    assert glob_problem(glob)


def argv(*words: str) -> str:
    return entry_text({"tool": "shell", "argv": list(words)})


@given(rule=st.lists(WORDS, min_size=1, max_size=4), words=st.lists(WORDS, min_size=1, max_size=5))
def test_words_match_one_by_one_and_further_ones_only_behind_a_star(rule: list[str], words: list[str]) -> None:
    found = match_fields(argv(*rule), {"argv": words}, Path())
    begin = rule[:-1] if len(rule) > 1 and rule[-1] == "*" else rule
    exactly = words[: len(begin)] == begin and (len(words) == len(begin) or begin is not rule)
    assert (found is Match.YES) == exactly


@given(
    outer=st.lists(WORDS, min_size=1, max_size=4),
    inner=st.lists(WORDS, min_size=1, max_size=4),
    words=st.lists(WORDS, min_size=1, max_size=5),
)
def test_what_a_covered_rule_allows_the_covering_one_allows(
    outer: list[str], inner: list[str], words: list[str]
) -> None:
    if covers_entry(argv(*outer), argv(*inner)) and match_fields(argv(*inner), {"argv": words}, Path()) is Match.YES:
        assert match_fields(argv(*outer), {"argv": words}, Path()) is Match.YES


@given(
    one=st.lists(WORDS, min_size=1, max_size=4),
    other=st.lists(WORDS, min_size=1, max_size=4),
    words=st.lists(WORDS, min_size=1, max_size=5),
)
def test_rules_that_one_call_may_match_may_overlap(one: list[str], other: list[str], words: list[str]) -> None:
    surely = match_fields(argv(*one), {"argv": words}, Path()) is Match.YES
    if surely and match_fields(argv(*other), {"argv": words}, Path()) is not Match.NO:
        assert may_overlap_entry(argv(*one), argv(*other))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    outer=st.sampled_from([*GLOBS, "docs/a/**"]),
    inner=st.sampled_from([*GLOBS, "docs/a/**"]) | PATHS.filter(lambda path: not glob_problem(path)),
    path=PATHS,
)
def test_what_a_covered_glob_allows_the_covering_one_allows(folder: Path, outer: str, inner: str, path: str) -> None:
    one, other = (entry_text({"tool": "t", "args": {"p": glob}}) for glob in (outer, inner))
    if covers_entry(one, other) and match_paths(inner, path, folder):
        assert match_paths(outer, path, folder)


def test_another_place_of_a_program_may_be_the_forbidden_one() -> None:
    for words, found in (
        (["rm", "-r", "x"], Match.YES),
        (["/bin/rm", "-r", "x"], Match.UNSURE),
        (["RM", "x"], Match.UNSURE),
        (["ls"], Match.NO),
    ):
        assert match_fields(argv("rm", "*"), {"argv": words}, Path()) is found


@pytest.mark.parametrize("described", [{}, {"argv": None}, {"argv": []}, {"argv": "git log"}, {"argv": [1]}])
def test_what_cannot_be_told_is_not_sure(described: dict[str, Any]) -> None:
    assert match_fields(argv("git", "log"), described, Path()) is Match.UNSURE


def test_of_a_list_of_paths_all_must_match(folder: Path) -> None:
    rule = entry_text({"tool": "t", "args": {"paths": "docs/**"}})
    for paths, found in (
        (["docs/a", "docs/b.txt"], Match.YES),
        (["docs/a", "out/x"], Match.UNSURE),
        (["out/x"], Match.NO),
        ([1], Match.UNSURE),
        ({"x": 1}, Match.UNSURE),
    ):
        assert match_fields(rule, {"args": {"paths": paths}}, folder) is found
    assert match_fields(rule, {"args": {}}, folder) is Match.NO
    assert match_fields(rule, {"args": None}, folder) is Match.UNSURE


def test_an_entry_is_its_text_whatever_the_order_of_its_keys() -> None:
    one = entry_text({"tool": "http", "host": "a.example", "method": "GET"})
    assert one == entry_text({"method": "GET", "host": "a.example", "tool": "http"})
    assert json.loads(one) == {"host": "a.example", "method": "GET", "tool": "http"}
    assert (tool_of(one), tool_of("mcp::x"), rule_of("mcp::x")) == ("http", "mcp::x", None)
    assert entry_text({"tool": "shell"}) == "shell"
