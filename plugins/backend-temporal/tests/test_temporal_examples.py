"""All examples, and the workflows that the book runs, end on Temporal as they do on one machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.testing.backend_checks import BackendRuns, without_times

pytestmark = pytest.mark.beside
ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
STARTED = sorted(path.parent.name for path in EXAMPLES.glob("*/run.py"))  # they need a server or a repository
WITH_A_PLUGIN = {"private-provider"}  # it has to be installed first
ALONE = sorted({path.parent.name for path in EXAMPLES.glob("*/*.nika.yaml")} - {*STARTED, *WITH_A_PLUGIN})
PAGES = ("agents", "first-steps", "from-*", "language", "python", "recipes", "steps")
SCRIPTS = {"four": "script", "six": "script", "eight": "grades", "nine": "grades", "ten": "desk"}
INPUTS = {"python-hello": {"name": "Ada"}}
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the MCP servers need this Python
_BLOCK = re.compile(r'^```(\w+)(.*?) title="([^"]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)
_OWN = re.compile(r"\d{8}-\d{6}-\w+|(?<=/tmp)\w+|(?<=127.0.0.1:)\d+")  # run ids, temporary folders, ports
# Two calls at once share the beginning of a prompt, or not, as they come.
_BY_CHANCE = re.compile(r'\s*"cachedTokens": \d+,')


def of_the_book() -> Iterator[Any]:
    """Yield every workflow that tests of the book run, with the page that has its files."""
    for pattern in PAGES:
        for page in sorted((ROOT / "docs" / "guide").glob(f"{pattern}.md")):
            for _, marks, title, text in _BLOCK.findall(page.read_text()):
                if title.endswith(".nika.yaml") and "invalid" not in marks and re.search("^tasks:", text, re.MULTILINE):
                    yield pytest.param(page, title, id=f"{page.stem}-{title.partition('.')[0]}")


def compared(result: Any) -> str:
    """Return a result as JSON without what no two runs have in common. The order of keys counts."""
    return _BY_CHANCE.sub("", _OWN.sub("OWN", json.dumps(without_times(result), indent=1)))


@pytest.fixture
def project(shared: Path, tmp_path: Path) -> Iterator[Path]:
    """Return a project in the folder that all workers share: its commands find there what no task names."""
    folder = shared / "projects" / tmp_path.name
    (folder / ".git").mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


def both(url: str, shared: Path, path: Path, environ: Mapping[str, str], inputs: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a workflow ends on the backend, and on this machine."""
    workspace = nika.Workspace.open(path, environ={**os.environ, "PATH": PATH, **environ})
    prepared = nika.prepare(path, workspace=workspace, inputs=inputs, elsewhere=True)
    there, _ = BackendRuns(url, path.parent, shared).run_prepared(prepared)
    here = nika.run(path, workspace=workspace, inputs=inputs)
    return compared(nika.to_json(there)), compared(nika.to_json(here))


@pytest.mark.parametrize("name", ALONE)
def test_an_example_ends_as_on_one_machine(server: Any, worker: Any, shared: Path, project: Path, name: str) -> None:
    shutil.copytree(EXAMPLES / name, project, dirs_exist_ok=True)
    (path,) = project.glob("*.nika.yaml")
    script = project / "script.json"
    environ = {"NIKA_MOCK_SCRIPT": str(script)} if script.exists() else {}

    there, here = both(server.url, shared, path, environ, {})

    assert '"status": "succeeded"' in here
    assert there == here


@pytest.mark.parametrize("name", STARTED)
def test_an_example_that_starts_itself_ends_as_on_one_machine(
    server: Any, worker: Any, shared: Path, project: Path, name: str
) -> None:
    shutil.copytree(EXAMPLES / name, project, dirs_exist_ok=True)

    def started(*options: str) -> str:
        done = subprocess.run(
            [sys.executable, str(project / "run.py"), "--format", "json", *options],
            cwd=project,
            env={**os.environ, "PATH": PATH},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return compared(json.loads(done.stdout))

    assert started("--on", server.url, "--shared", str(shared)) == started()


@pytest.mark.parametrize(("page", "title"), list(of_the_book()))
def test_a_workflow_of_the_book_ends_as_on_one_machine(
    server: Any, worker: Any, shared: Path, project: Path, request: pytest.FixtureRequest, page: Path, title: str
) -> None:
    for _, _, name, text in _BLOCK.findall(page.read_text()):
        if name != "nika.yaml":  # one page shows one that allows little
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text)
    word = title.partition(".")[0]
    environ = {"NIKA_SECRETS_DIR": str(project)}
    if page.stem == "steps" and word in SCRIPTS:
        environ["NIKA_MOCK_SCRIPT"] = str(project / f"{SCRIPTS[word]}.json")

    there, here = both(server.url, shared, project / title, environ, INPUTS.get(f"{page.stem}-{word}", {}))

    assert there == here
