"""The project file: the nearest one, strict, every key optional."""

import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from strictyaml import Map, Seq, Str

from nika_core import codes
from nika_core.document import check_settings, load_project
from nika_core.errors import ProblemsError, RefusedError
from nika_core.model.named_files import find_project
from nika_core.model.project import Project
from nika_core.plugin import Keyword

FULL = """\
main: release-notes.nika.yaml
provider: claude
model: claude-sonnet-5
plugins:
  allow: [nika-keyword-llm, acme-nika-*]
  block: [keywords:shell]
  prefer: {keywords:shell: acme-nika-shell}
http: {allow: [127.0.0.1:8000]}
prices: {acme-large: {inputPerMillion: 1.0, outputPerMillion: 4.0}}
secrets: [ACME_TOKEN]
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nika.yaml").write_text(text)
    return folder


def test_every_key_of_the_language_page_is_read(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, FULL))
    assert (project.main, project.provider, project.model) == ("release-notes.nika.yaml", "claude", "claude-sonnet-5")
    assert project.allow == ("nika-keyword-llm", "acme-nika-*")
    assert project.block == ("keywords:shell",)
    assert project.prefer == {"keywords:shell": "acme-nika-shell"}
    assert project.settings == {"http": {"allow": ["127.0.0.1:8000"]}}
    assert project.prices["acme-large"].output_per_million == Decimal("4.0")
    assert project.secrets == ("ACME_TOKEN",)
    assert project.folder == tmp_path


def test_the_nearest_file_above_counts(tmp_path: Path) -> None:
    write(tmp_path, "main: outer.nika.yaml\n")
    write(tmp_path / "a", "main: inner.nika.yaml\n")
    (tmp_path / "a" / "b").mkdir()
    assert load_project(tmp_path / "a" / "b" / "w.nika.yaml").main == "inner.nika.yaml"


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n"])
def test_an_empty_file_is_a_project_that_says_nothing(tmp_path: Path, text: str) -> None:
    project = load_project(write(tmp_path, text))
    assert replace(project, digest="") == Project(tmp_path / "nika.yaml")


def test_without_a_list_of_allowed_plugins_all_are_and_an_empty_one_allows_none(tmp_path: Path) -> None:
    assert load_project(write(tmp_path, "main: x\n")).allow is None
    assert load_project(write(tmp_path, "plugins: {allow: []}\n")).allow == ()


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("plugins: {allow: nika-core}\n", 1, 18),
        ("plugins:\n  alow: [x]\n", 2, 3),
        ("prices: {m: {inputPerMillion: much, outputPerMillion: 1}}\n", 1, 31),
        ("main: a\nmain: b\n", 2, 1),
        ("secrets: {a: b}\n", 1, 10),
        ("- a\n", 1, 1),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, line: int, column: int) -> None:
    with pytest.raises(ProblemsError) as caught:
        load_project(write(tmp_path, text))
    (problem,) = caught.value.problems
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (line, column)


def test_keywords_validate_their_own_key(tmp_path: Path, catalog: Any) -> None:
    schema = Map({"allow": Seq(Str())})
    keyword = Keyword(name="http", summary="s", primary="url", payload=Map({"url": Str()}), step="x:Y", settings=schema)
    known = type(catalog)(keyword)
    project, problems = check_settings(load_project(write(tmp_path, FULL)), known)
    assert (project.settings, problems) == ({"http": {"allow": ["127.0.0.1:8000"]}}, ())
    _, (problem,) = check_settings(
        load_project(write(tmp_path, "a: b\nhttp: {alow: [x]}\n".replace("a: b\n", ""))), known
    )
    assert problem.code == codes.UNKNOWN_KEY or problem.code == codes.BAD_PROJECT_FILE


def test_a_key_that_nobody_knows_is_refused_once_the_plugins_are_known(
    tmp_path: Path, catalog: Any, load: Callable[..., Any]
) -> None:
    _, (problem,) = check_settings(load_project(write(tmp_path, "providr: claude\n")), catalog)
    assert (problem.code, problem.hint) == (codes.UNKNOWN_KEY, "did you mean `provider`?")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused_and_never_skipped(tmp_path):
    (tmp_path / "nika.yaml").write_text("provider: mock\n")
    os.chown(tmp_path / "nika.yaml", 65534, -1)
    (tmp_path / "mine").mkdir()
    with pytest.raises(RefusedError, match="belongs to another user") as caught:
        load_project(tmp_path / "mine")
    assert (caught.value.exit_code, "chown" in caught.value.hint) == (3, True)


@pytest.mark.parametrize("border", ["repository", "home"])
def test_what_is_above_a_repository_or_the_home_directory_is_not_looked_at(tmp_path, monkeypatch, border):
    (tmp_path / "nika.yaml").write_text("provider: mock\n")
    inner = tmp_path / "mine" / "flows"
    inner.mkdir(parents=True)
    assert find_project(inner) == tmp_path / "nika.yaml"
    if border == "home":
        monkeypatch.setenv("HOME", str(tmp_path / "mine"))
    else:
        (tmp_path / "mine" / ".git").mkdir()
    assert find_project(inner) is None
    (tmp_path / "mine" / "nika.yaml").write_text("")
    assert find_project(inner) == tmp_path / "mine" / "nika.yaml"
