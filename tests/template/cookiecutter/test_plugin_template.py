"""What the template makes, from both ways to make it: it passes its own checks at once, and it works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter

from nika_core import PLUGIN_KINDS
from nika_core.errors import UsageError
from nika_core.scaffold import NewPlugin, make_plugin

from ...environments import ROOT, Environment
from .conftest import CASES, Baked

TEMPLATE = ROOT / "cookiecutter-plugin"

# A private project differs from a public one in what it tells indexes and CI; two of them are checked whole as well.
CHECKED = [case for case, wanted in CASES.items() if not wanted.private] + ["keyword-private", "provider-private"]


def bake(folder: Path, wanted: NewPlugin) -> Path:
    """The same with cookiecutter itself."""
    answers = {"kind": wanted.kind, "word": wanted.word, "private": "yes" if wanted.private else "no"}
    answers |= {"author": wanted.author} if wanted.author else {}
    answers |= {"project_slug": wanted.name} if wanted.name else {}
    config = folder / "config.yaml"  # nobody's own defaults
    config.write_text(f"replay_dir: {folder / 'replay'}\ncookiecutters_dir: {folder / 'cookiecutters'}\n")
    made = cookiecutter(
        str(TEMPLATE), no_input=True, extra_context=answers, output_dir=str(folder), config_file=str(config)
    )
    return Path(made)


def tree(folder: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        file.relative_to(folder).as_posix(): (file.read_bytes(), os.access(file, os.X_OK))
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("wanted", CASES.values(), ids=CASES)
def test_cookiecutter_and_nika_plugins_new_make_the_same_project_byte_for_byte(
    wanted: NewPlugin, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    one, other = make_plugin(tmp_path / "one", wanted), bake(tmp_path / "other", wanted)

    assert one.name == other.name
    assert tree(one) == tree(other)


@pytest.mark.parametrize("case", CHECKED)
def test_a_new_project_passes_its_own_checks_at_once_and_builds_a_wheel(
    case: str, baked: Baked, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = baked.projects[case]
    environ = {
        "MYPY_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "mypy"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "RUFF_NO_CACHE": "true",
    }
    done = baked.environment.call("bash", "check.sh", cwd=project, environ=environ, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)
    assert "error" not in done.stdout
    (wheel,) = (project / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        metadata = packed.read(next(name for name in packed.namelist() if name.endswith("METADATA"))).decode()
        assert any(name.endswith("py.typed") for name in packed.namelist())
    assert ("Classifier: Private :: Do Not Upload" in metadata) == CASES[case].private
    assert ("License-Expression: MIT" in metadata) != CASES[case].private


@pytest.mark.parametrize("case", CASES)
def test_its_example_runs_from_the_command_line(case: str, baked: Baked, tmp_path: Path) -> None:
    word = CASES[case].word
    variable = word.upper().replace("-", "_")
    environ = {f"{variable}_PLACE": '{"name": "Paris"}', f"{variable}_MODELS": "mock"}
    project, environment = baked.projects[case], baked.environment
    example = project / "examples" / f"{word}.nika.yaml"

    if CASES[case].kind == "project_template":  # its example is what it makes
        made = environment.run("init", tmp_path / "new", "--template", word, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        example = tmp_path / "new" / f"{word}.nika.yaml"
    options: list[object] = ["--no-journal"]
    if CASES[case].kind == "notifier":  # it asks, and nobody is here
        (tmp_path / "answers.yaml").write_text("approve: yes")
        options += ["--mock", "--answers", tmp_path / "answers.yaml"]
    if CASES[case].kind == "secret_source":  # nobody has stored its secret
        options += ["--mock"]
    done = environment.run("run", example, *options, "--format", "json", cwd=project, environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["status"] == "succeeded"
    shown = environment.run("plugins", "show", word, "--format", "json", cwd=project)
    assert json.loads(shown.stdout)["plugins"][0]["distribution"] == project.name


def test_all_of_them_together_are_no_problem(baked: Baked, tmp_path: Path) -> None:
    checked = baked.environment.run("plugins", "check", "--format", "json", cwd=tmp_path)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("case", [case for case, wanted in CASES.items() if wanted.private])
def test_a_private_project_names_nothing_public(case: str, baked: Baked) -> None:
    for name, (content, _) in tree(baked.projects[case]).items():
        if name.startswith(("dist/", ".")) or "__pycache__" in name:
            continue
        found = re.findall(rb"https?://[^\s\"')]+", content)
        assert [each for each in found if b"packages.example.com" not in each] == [], name
    assert not (baked.projects[case] / ".github").exists()
    assert not (baked.projects[case] / "LICENSE").exists()
    assert os.access(baked.projects[case] / "ci.sh", os.X_OK)


def test_a_private_projects_ci_asks_no_index_that_it_was_not_told(baked: Baked) -> None:
    project = baked.projects["keyword-private"]
    done = baked.environment.call("bash", "ci.sh", cwd=project)

    assert done.returncode == 2
    assert "set INDEX to your package index, or WHEELS to a folder of wheels" in done.stderr
    assert not (project / ".venv").exists()


def test_a_private_projects_ci_runs_from_a_folder_of_wheels(
    baked: Baked, wheelhouse: Path, libraries: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(baked.projects["keyword-private"], project, ignore=shutil.ignore_patterns("dist", ".*"))
    environ = {
        "HOME": str(tmp_path),
        "PATH": os.pathsep.join([str(baked.environment.folder / "bin"), "/usr/bin", "/bin"]),
        "PYTHONPATH": str(libraries),  # other people's packages are there already
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PIP_INDEX_URL": "http://127.0.0.1:9/nobody-is-asked/",
        "WHEELS": str(wheelhouse),
    }
    done = subprocess.run(
        ["bash", "ci.sh"], cwd=project, env=environ, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)
    assert list((project / "dist").glob("*.whl"))


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_the_conformance_test_has_four_lines(kind: str) -> None:
    (file,) = TEMPLATE.glob(f"*/_kind/{kind}/tests/test_conformance.py")
    lines = [line for line in file.read_text().splitlines()[1:] if line.strip()]

    # A secret has to be stored first, and a policy has a variable for each of its three limits.
    assert len(lines) <= {"secret_source": 14, "limit_policy": 8}.get(kind, 5)
    assert any(line.startswith("from nika_core.testing import ") for line in lines)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (NewPlugin(word="Greet"), r"WORD is 'Greet': expected letters, digits and single dashes"),
        (NewPlugin(word="greet-"), r"WORD is 'greet-'"),
        (NewPlugin(word="gr eet"), r"WORD is 'gr eet'"),
        (NewPlugin(word="x" * 31), r"at most 30 characters"),
        (NewPlugin(word="greet", author='Ada "x"'), r"--author is 'Ada \"x\"': expected no quotation marks"),
        (NewPlugin(word="greet", author="Müller & Co", private=True), r"--name is 'müller-&-co-nika-keyword-greet'"),
        (NewPlugin(word="greet", name="Acme_Greet"), r"--name is 'Acme_Greet': expected lower-case letters"),
    ],
)
def test_names_that_cannot_be_used_are_refused_by_both(wanted: NewPlugin, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        make_plugin(tmp_path, wanted)
    if wanted.author != 'Ada "x"' or not wanted.private:
        with pytest.raises(FailedHookException):
            bake(tmp_path, wanted)
    assert [path for path in tmp_path.iterdir() if (path / "pyproject.toml").exists()] == []


def test_a_private_plugin_says_whose_it_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="whose plugin is it"):
        make_plugin(tmp_path, NewPlugin(word="greet", private=True))


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    made = make_plugin(tmp_path, NewPlugin(word="greet"))
    (made / "pyproject.toml").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        make_plugin(tmp_path, NewPlugin(word="greet"))
    assert (made / "pyproject.toml").read_text() == "mine"


def test_the_installed_command_has_the_template_in_it(baked: Baked, tmp_path: Path) -> None:
    environment: Environment = baked.environment
    done = environment.run("plugins", "new", "post", "work", "--kind", "template_source", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "work/nika-template-post\n"
    project = tomllib.loads((tmp_path / "work" / "nika-template-post" / "pyproject.toml").read_text())
    assert project["project"]["entry-points"] == {"nika.template_sources": {"post": "nika_template_post.plugin"}}
    again = environment.run("plugins", "new", "post", "work", "--kind", "template_source", cwd=tmp_path)
    assert again.returncode == 2
    assert "is there already" in again.stderr
