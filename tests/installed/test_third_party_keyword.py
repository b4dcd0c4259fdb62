"""A keyword that the kernel has never heard of, built and installed as its users would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Environment, build_wheel

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme-nika-greet"
version = "1.2.3"
dependencies = ["nika-core>=5.0,<6"]
[project.entry-points."nika.keywords"]
greet = "acme_nika_greet.plugin"
[tool.hatch.build.targets.wheel]
packages = ["acme_nika_greet"]
"""

PLUGIN = """
from strictyaml import Enum, Int, Map, Optional, Str

from nika_core.plugin import Keyword, hookimpl

NIKA_API = 1


@hookimpl
def nika_task_keywords():
    return [
        Keyword(
            name="greet",
            summary="Greets somebody.",
            primary="who",
            payload=Map({"who": Str(), Optional("times"): Int(), Optional("tone"): Enum(["warm", "dry"])}),
            step="acme_nika_greet.step:Greet",
        )
    ]
"""

STEP = """
class Greet:
    async def run(self, payload, context):
        context.emit_text("greeting")
        return {"text": " ".join([f"Hello {payload['who']}!"] * payload.get("times", 1)), "key": context.key}
"""


@pytest.fixture
def environment(fresh: Callable[[], Environment], tmp_path: Path) -> Environment:
    source = tmp_path / "acme"
    package = source / "acme_nika_greet"
    package.mkdir(parents=True)
    (source / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(PLUGIN)
    (package / "step.py").write_text(STEP)
    build_wheel(source, tmp_path / "dist")
    made = fresh()
    made.install(*(tmp_path / "dist").glob("*.whl"))
    return made


def test_a_third_party_keyword_is_listed_validated_run_and_refused_like_a_built_in_one(
    environment: Environment, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    good, bad = work / "good.nika.yaml", work / "bad.nika.yaml"
    good.write_text(
        "tasks:\n"
        '  - id: hello\n    greet: {who: "${input.name}", times: 2}\n'
        "  - id: count\n    shell: \"printf '%s' {{hello.text}} | wc -c | tr -d ' '\"\n"
    )
    bad.write_text("tasks:\n  - id: hello\n    greet:\n      who: you\n      tone: loud\n      tims: 2\n")

    listed = environment.run("plugins", "list", "--format", "json", cwd=work)
    assert listed.returncode == 0, listed.stderr
    mine = [each for each in json.loads(listed.stdout)["plugins"] if each["word"] == "greet"]
    assert [(each["distribution"], each["version"], each["status"]) for each in mine] == [
        ("acme-nika-greet", "1.2.3", "available")
    ]

    valid = environment.run("validate", good, cwd=work)
    assert valid.returncode == 0, valid.stderr

    ran = environment.run("run", good, "-i", "name=Ada; rm -rf /", "--format", "json", cwd=work)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    text = "Hello Ada; rm -rf /! Hello Ada; rm -rf /!"
    assert result["tasks"][0]["output"]["text"] == text
    assert result["output"] == str(len(text))

    refused = environment.run("validate", bad, "--format", "json", cwd=work)
    assert refused.returncode == 2
    (file,) = json.loads(refused.stdout)["files"]
    found = {(each["line"], each["column"], each["code"]) for each in file["problems"]}
    assert {(5, 13, "NIKA-014"), (6, 7, "NIKA-014")} <= found
    assert any("times" in (each.get("hint") or "") for each in file["problems"])
    assert "Traceback" not in refused.stderr


# In these files of the toolbox, which the kernel does not import, the word is a scheme of addresses, or a field of what
# model servers send.
_OF_OTHERS = {
    "toolbox/proxies.py": '"http"',
    "toolbox/providers/calls.py": '"function"',
    "toolbox/providers/field_refusals.py": '"function"',
    "toolbox/providers/reply.py": '"function"',
}


def test_the_kernel_does_not_know_the_name_of_any_keyword() -> None:
    kernel = Path(__file__).parents[2] / "nika_core"
    for file in kernel.rglob("*.py"):
        if {"scaffold", "testing"} & set(file.parts) or file.name == "explanations.py":
            continue  # a new project is an example, the kits know heavy packages by name
        text = file.read_text()
        text = text.replace(_OF_OTHERS.get(file.relative_to(kernel).as_posix(), "\0"), "")
        for word in ("'shell'", '"shell"', '"subagent"', '"mcp"', '"http"', '"function"', '"llm"'):
            assert word not in text, f"{file} knows {word}"
