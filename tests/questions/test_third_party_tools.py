"""A third party's keyword as a tool: rules about its own fields, and approvals inside of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..signals.conftest import Project

MODULE = '''
from nika_core.plugin import Facets, Keyword, RuleField, Step, Tool, ToolSpec, fields, hookimpl

NIKA_API = 1


class DeployStep(Step):
    async def run(self, payload, context):
        with (context.folder / "deployed").open("a") as deployed:
            deployed.write(payload["target"] + "\\\\n")
        return "deployed"


class DeployFacets(Facets):
    def rule_fields(self):
        return {"target": RuleField.TEXT, "files": RuleField.PATHS}

    def check_rule(self, fields, payload, report):
        if fields.get("target") not in (None, "staging", "production"):
            report("there is no such target", payload.at("target"), hint="staging or production")

    def call_fields(self, payload):
        if payload["target"] == "broken":
            raise RuntimeError("what is this")
        return {"target": payload["target"], "files": {"from": payload.get("from", "")}}

    async def tools(self, reference, context):
        schema = {"type": "object", "properties": {"target": {"type": "string"}, "from": {"type": "string"}}}
        return [Tool("deploy", "deploy", ToolSpec("deploy", "Deploys.", schema), dict)]


class CrewStep(Step):
    """Calls every tool that its task may use, as a subagent would."""

    async def run(self, payload, context):
        tools = [tool for tool in await context.tools() if tool.name == "deploy"]
        results = [await context.call(tool, {"target": payload["target"]}) for tool in tools]
        return [result.content for result in results]


class CrewFacets(Facets):
    async def tools(self, reference, context):
        schema = {"type": "object", "properties": {"target": {"type": "string"}}}
        return [Tool("crew", "crew", ToolSpec("crew", "Lets a crew do it.", schema), dict)]


@hookimpl
def nika_task_keywords():
    payload = fields.Map({"target": fields.Str(), fields.Optional("from"): fields.Str()})
    return [
        Keyword(name="deploy", summary="Deploys.", primary="target", payload=payload,
                step="acme_tools:DeployStep", facets="acme_tools:DeployFacets"),
        Keyword(name="crew", summary="Lets a crew do it.", primary="target", payload=payload,
                step="acme_tools:CrewStep", facets="acme_tools:CrewFacets"),
    ]
'''


@pytest.fixture
def acme(project: Project, tmp_path: Path) -> Project:
    site = tmp_path / "site"
    info = site / "acme_tools-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tools\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nika.keywords]\ndeploy = acme_tools\ncrew = acme_tools\n")
    (site / "acme_tools.py").write_text(MODULE.replace("\\\\n", "\\n"))
    project.environ["PYTHONPATH"] = str(site)
    return project


def write(project: Project, lists: str, *calls: tuple[str, dict[str, Any]]) -> None:
    (project.folder / "w.nika.yaml").write_text(
        f"agent:\n  model: mock\n  provider: mock\n{lists}tasks:\n  - {{id: work, agent: go}}\n"
    )
    wanted = [{"name": name, "arguments": arguments} for name, arguments in calls]
    script = [
        {"when": {"turn": 0}, "toolCalls": wanted, "times": None},
        {"when": {"turn": 1}, "text": "end", "times": None},
    ]
    (project.folder / "script.json").write_text(json.dumps(script))
    project.environ["NIKA_MOCK_SCRIPT"] = str(project.folder / "script.json")


def deployed(project: Project) -> list[str]:
    path = project.folder / "deployed"
    return path.read_text().split() if path.exists() else []


def test_rules_are_compared_with_what_the_keyword_says_of_a_call(acme: Project) -> None:
    lists = "  allowedTools:\n    - {tool: deploy, target: staging}\n    - {tool: deploy, files: {from: 'build/**'}}\n"
    write(
        acme,
        lists,
        ("deploy", {"target": "staging"}),
        ("deploy", {"target": "production"}),
        ("deploy", {"target": "preview", "from": "build/site"}),
        ("deploy", {"target": "escape", "from": "build/../x"}),
        ("deploy", {"target": "broken"}),
    )
    done = acme.nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "end")
    assert sorted(deployed(acme)) == ["preview", "staging"]


def test_a_person_is_asked_by_a_rule_about_its_fields(acme: Project) -> None:
    lists = "  allowedTools: [deploy]\n  askTools:\n    - {tool: deploy, target: production}\n"
    write(acme, lists, ("deploy", {"target": "staging"}), ("deploy", {"target": "production"}))
    done = acme.nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, deployed(acme)) == (4, ["staging"])
    (call,) = done.json["questions"][0]["calls"].values()
    assert (call["tool"], json.loads(call["rule"])) == ("deploy", {"tool": "deploy", "target": "production"})
    assert acme.nika("answer", "work", "yes", "--resume").code == 0
    assert deployed(acme) == ["staging", "production"]


@pytest.mark.parametrize(
    ("rule", "message", "hint"),
    [
        ("{tool: deploy, taget: x}", "no field 'taget'", "did you mean `target`?"),
        ("{tool: deploy, target: moon}", "there is no such target", "staging or production"),
        ("{tool: deploy, target: [a]}", "`target` of a rule is a text", "write target"),
        ("{tool: crew, target: x}", "a rule about `crew` has no field 'target'", "write the name alone: crew"),
    ],
)
def test_a_rule_about_it_that_can_match_nothing_is_an_error(acme: Project, rule: str, message: str, hint: str) -> None:
    write(acme, f"  allowedTools:\n    - {rule}\n")
    done = acme.nika("validate", "w.nika.yaml", "--format", "json")
    (problem,) = done.json["files"][0]["problems"]
    assert (done.code, problem["line"], problem["code"]) == (2, 5, "NIKA-018")
    assert message in problem["message"]
    assert hint in problem["hint"]


def test_a_call_inside_of_a_tool_is_asked_with_the_way_to_it(acme: Project) -> None:
    lists = "  allowedTools: [deploy, crew]\n  askTools: [deploy]\n"
    write(acme, lists, ("crew", {"target": "staging"}), ("deploy", {"target": "production"}))
    done = acme.nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, deployed(acme)) == (4, [])
    assert len(done.json["questions"][0]["form"]) == 2
    shown = acme.nika("answer", "--format", "json").json["questions"][0]["show"]
    fields = {value["arguments"]["target"]: name for name, value in shown.items()}
    assert shown[fields["staging"]]["within"] == ["crew"]
    done = acme.nika(
        *("answer", "work", "-i", f"{fields['staging']}=yes", "-i", f"{fields['production']}=no"),
        *("--resume", "--format", "json"),
    )
    assert (done.code, done.json["output"], deployed(acme)) == (0, "end", ["staging"])


def test_a_plan_shows_what_is_asked(acme: Project) -> None:
    write(acme, "  allowedTools: [deploy, crew]\n  askTools:\n    - {tool: deploy, target: production}\n")
    planned = acme.nika("plan", "w.nika.yaml", "--format", "json").json["tasks"][0]
    assert list(map(json.loads, planned["askTools"])) == [{"tool": "deploy", "target": "production"}]
    assert "asks a person about calls of: {" in acme.nika("plan", "w.nika.yaml").out
