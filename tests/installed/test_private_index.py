"""An organisation's first day: private plugins from an index made of files, and a project that runs them only."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nika_core.scaffold import NewPlugin, make_plugin

from ..environments import Environment, build_wheel, uv_pip

PROJECT = """\
main: hello.nika.yaml
provider: acme-llm
plugins:
  allow:
    - nika-keyword-llm
    - nika-limit-env
    - nika-provider-mock
    - nika-template-task
    - acme-nika-llm
    - acme-nika-house
"""
WORKFLOW = """\
agent: {model: acme-llm-1, output: hello}
tasks:
  - id: hello
    llm: Good morning
"""


def publish(index: Path, wheel: Path) -> None:
    """Put a wheel on a PEP 503 index made of files."""
    name = re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
    folder = index / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(wheel, folder)
    links = [
        f'<a href="{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a><br>'
        for file in sorted(folder.glob("*.whl"))
    ]
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")
    names = sorted(each.name for each in index.iterdir() if each.is_dir())
    links = [f'<a href="{each}/">{each}</a><br>' for each in names]
    (index / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The private projects, as `nika plugins new --private` makes them."""
    folder = tmp_path_factory.mktemp("acme")
    made = {}
    for kind, word in (("provider", "acme-llm"), ("limit_policy", "acme-house")):
        made[word] = make_plugin(folder, NewPlugin(kind=kind, word=word, private=True, name=f"acme-nika-{word[5:]}"))
    return made


@pytest.fixture(scope="module")
def index(sources: dict[str, Path], wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the organisation installs, and nothing beside it."""
    wheels = tmp_path_factory.mktemp("wheels")
    for source in sources.values():
        build_wheel(source, wheels)
    target = tmp_path_factory.mktemp("index")
    for wheel in [*wheels.glob("*.whl"), *wheelhouse.glob("*.whl")]:
        publish(target, wheel)
    return target


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "nika.yaml").write_text(PROJECT)
    (folder / "hello.nika.yaml").write_text(WORKFLOW)
    return folder


def install_from(environment: Environment, *options: str) -> None:
    """With an index or a folder of wheels and nothing else: no configuration and no network is needed."""
    uv_pip("install", "--no-config", "--no-deps", "--reinstall", "--python", environment.python, *options)


def refused(environment: Environment, project: Path, *arguments: str) -> str:
    done = environment.run(*arguments, cwd=project)
    assert done.returncode == 3, done.stdout + done.stderr
    said = done.stdout + done.stderr  # what `nika validate` finds are its data
    assert "NIKA-079" in said
    assert "Traceback" not in said
    return " ".join(said.split())


def test_private_plugins_come_from_an_index_of_files_and_nothing_else_may_run(
    bare: Callable[[], Environment], index: Path, sources: dict[str, Path], project: Path, tmp_path: Path
) -> None:
    environment = bare()
    ours = ["acme-nika-llm", "acme-nika-house"]
    install_from(environment, "--index-url", index.as_uri(), *ours, *(each.name for each in index.glob("nika*")))

    # It runs, with the organisation's model, under the organisation's bound.
    ran = environment.run("run", "--format", "json", cwd=project)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["output"] == "Good morning"
    limits = environment.run("limits", "--format", "json", cwd=project)
    assert "ACME_HOUSE_MAX_COST" in limits.stdout
    other = environment.run("run", cwd=project, environ={"ACME_HOUSE_MODELS": "acme-huge-*"})
    assert other.returncode == 1
    assert "the model 'acme-llm-1' may not be used here" in other.stderr

    # Locked: what is installed now may run, and nothing else.
    locked = environment.run("plugins", "lock", cwd=project)
    assert locked.returncode == 0, locked.stderr
    names = {each["distribution"] for each in json.loads((project / "nika.lock").read_text())["plugins"]}
    assert {"nika-core", "nika-keyword-llm", *ours} <= names
    assert environment.run("run", "--format", "json", cwd=project).returncode == 0
    assert environment.run("plugins", "lock", "--check", cwd=project).returncode == 0

    # A file that somebody changed in place.
    (client,) = (environment.folder / "lib").glob("python*/site-packages/acme_nika_llm/client.py")
    untouched = client.read_text()
    client.write_text(untouched + "raise SystemExit('this must never be imported')\n")
    for command in ("run", "plan", "validate"):
        arguments = [command] if command != "plan" else [command, "hello.nika.yaml"]
        said = refused(environment, project, *arguments)
        assert "acme-nika-llm 0.1.0 was changed after it was installed: acme_nika_llm/client.py" in said
    client.write_text(untouched)

    # The same version, but other files: a wheel that somebody built again.
    again = tmp_path / "again"
    shutil.copytree(sources["acme-llm"], again)
    (again / "acme_nika_llm" / "client.py").write_text(untouched + "\n# other\n")
    build_wheel(again, tmp_path / "rebuilt")
    install_from(environment, "--no-index", str(next((tmp_path / "rebuilt").glob("*.whl"))))
    assert "acme-nika-llm is locked at version 0.1.0, but other files of that version" in refused(
        environment, project, "run"
    )

    # Another version, from the same index.
    pyproject = again / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('version = "0.1.0"', 'version = "0.2.0"'))
    build_wheel(again, tmp_path / "newer")
    newer = tmp_path / "newer-index"
    shutil.copytree(index, newer)
    publish(newer, next((tmp_path / "newer").glob("*.whl")))
    install_from(environment, "--index-url", newer.as_uri(), "acme-nika-llm==0.2.0")
    said = refused(environment, project, "run")
    assert "acme-nika-llm is locked at version 0.1.0, but version 0.2.0 is installed" in said
    assert "nika plugins lock" in said
    listed = environment.run("plugins", "list", "--format", "json", cwd=project)
    assert listed.returncode == 0, listed.stderr
    assert ("acme-nika-llm", "0.2.0") in {
        (each["distribution"], each["version"]) for each in json.loads(listed.stdout)["plugins"]
    }

    # What was locked comes back from the index.
    install_from(environment, "--index-url", index.as_uri(), "acme-nika-llm==0.1.0")
    assert environment.run("run", cwd=project).returncode == 0


def test_private_plugins_come_from_a_folder_of_wheels_and_one_too_many_is_refused(
    bare: Callable[[], Environment], index: Path, project: Path, tmp_path: Path
) -> None:
    environment = bare()
    wheels = tmp_path / "folder"
    wheels.mkdir()
    for wheel in index.glob("*/*.whl"):
        shutil.copy(wheel, wheels)
    names = [each.name for each in index.iterdir() if each.is_dir() and each.name != "acme-nika-house"]
    install_from(environment, "--no-index", "--find-links", str(wheels), *names)
    assert environment.run("plugins", "lock", cwd=project).returncode == 0
    assert environment.run("run", cwd=project).returncode == 0

    # An extra plugin that the lists allow, but nobody locked.
    install_from(environment, "--no-index", "--find-links", str(wheels), "acme-nika-house")
    assert "acme-nika-house 0.1.0 is installed, but not locked" in refused(environment, project, "run")

    # No list takes a limit policy away, so it is either locked or not installed.
    with_lists = (project / "nika.yaml").read_text()
    (project / "nika.yaml").write_text(f"{with_lists.rstrip()}\n  block: [acme-nika-house]\n")
    blocked = environment.run("run", cwd=project)
    assert (blocked.returncode, "no list takes a limit away" in blocked.stderr) == (3, True), blocked.stderr
    (project / "nika.yaml").write_text(with_lists)
    uv_pip("uninstall", "--python", environment.python, "acme-nika-house")
    assert environment.run("run", cwd=project).returncode == 0

    # A lock names what must be there, too.
    uv_pip("uninstall", "--python", environment.python, "acme-nika-llm")
    assert "acme-nika-llm 0.1.0 is locked, but not installed" in refused(environment, project, "run", "-p", "mock")


def test_a_plugin_that_is_not_on_the_list_is_never_imported(
    bare: Callable[[], Environment], index: Path, project: Path, tmp_path: Path
) -> None:
    environment = bare()
    names = [each.name for each in index.iterdir() if each.is_dir()]
    install_from(environment, "--index-url", index.as_uri(), *names)
    stranger = make_plugin(tmp_path, NewPlugin(word="stranger"))
    (stranger / "nika_keyword_stranger" / "plugin.py").write_text("open('/dev/stderr', 'w').write('I was imported')\n")
    (stranger / "pyproject.toml").write_text(
        (stranger / "pyproject.toml").read_text().replace("nika-keyword-stranger", "stranger")
    )
    build_wheel(stranger, tmp_path / "dist")
    environment.install(*(tmp_path / "dist").glob("*.whl"))
    (project / "hello.nika.yaml").write_text("tasks:\n  - id: hello\n    stranger: hi\n")

    done = environment.run("run", cwd=project)
    assert done.returncode == 3, done.stderr
    assert "not in the allow list of nika.yaml" in done.stderr
    assert "I was imported" not in done.stderr
    checked = environment.run("plugins", "check", "stranger", "--format", "json", cwd=project)
    (mine,) = [each for each in json.loads(checked.stdout)["plugins"] if each["word"] == "stranger"]
    assert mine["status"] == "blocked"
    assert "I was imported" not in checked.stderr
