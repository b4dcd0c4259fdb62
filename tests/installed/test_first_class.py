"""First-class means first-class: a third party's keyword through everything that a built-in one gets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conftest import Environment, build_wheel

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme-nika-deploy"
version = "2.1.0"
dependencies = ["nika-core>=5.0,<6"]
[project.entry-points."nika.keywords"]
deploy = "acme_nika_deploy.plugin"
[tool.hatch.build.targets.wheel]
packages = ["acme_nika_deploy"]
"""

PLUGIN = """
from nika_core.plugin import Explanation, Keyword, hookimpl
from nika_core.plugin.fields import Anything, Enum, Float, Int, Map, MapPattern, Optional, Str, Templated, field

NIKA_API = 1

@hookimpl
def nika_task_keywords():
    return [
        Keyword(
            name="deploy",
            summary="Deploys an app to Acme.",
            primary="app",
            payload=Map({
                "app": field(Str(), "What to deploy."),
                Optional("region"): field(Enum(["eu", "us"]), "Where it goes."),
                Optional("replicas"): field(Templated(Int()), "How many copies run."),
                Optional("labels"): field(Anything(), "Any JSON."),
                Optional("seconds"): field(Float(), "How long it takes."),
                Optional("password"): field(Str(), "Who may."),
            }),
            step="acme_nika_deploy.step:Deploy",
            facets="acme_nika_deploy.facets:DeployFacets",
            json_fields=frozenset({"labels"}),
            verbatim_fields=frozenset({"region"}),
            default_timeout=45.0,
            default_max_output=4096,
            sections={"clusters": MapPattern(Str(), Map({"size": Int()}))},
            settings=Map({Optional("owner"): Str()}),
            explanations=(
                Explanation(
                    "ACME-001", "no such app", "Apps have names in lower case.", "deploy: Shop", "Write shop."
                ),
            ),
        )
    ]
"""

FACETS = """
from nika_core.model.message import ToolSpec
from nika_core.plugin import Effect, Estimate, Facets, Tool


class DeployFacets(Facets):
    def check(self, payload, report):
        app = payload.text("app") or ""
        if app != app.lower() and "{" not in app:
            at = next(index for index, char in enumerate(app) if char.isupper())
            report("apps have names in lower case", payload.at("app", at), code="ACME-001", hint=f"write {app.lower()}")

    def effects(self, payload):
        return (Effect("host", "deploy.acme.example"),)

    def estimate(self, payload):
        return Estimate(cost_low=0.05, cost_high=0.25)

    def mock(self, payload):
        return {"url": f"https://{payload['app']}.mock.example", "labels": payload.get("labels")}

    def redact(self, payload):
        return {key: "***" if key == "password" else value for key, value in payload.items()}

    async def tools(self, reference, context):
        schema = {"type": "object", "required": ["app"], "properties": {"app": {"type": "string"}}}
        spec = ToolSpec("deploy", "Deploys an app to Acme.", schema)
        return [Tool("deploy", "deploy", spec, lambda arguments: {"app": arguments["app"]})]
"""

STEP = """
import asyncio

from nika_core.errors import Category, TaskError
from nika_core.plugin import StepOutput


class Deploy:
    async def run(self, payload, context):
        app = payload["app"]
        context.emit_text(f"deploying {app}")
        context.notice(f"{app} goes to {payload.get('region', 'eu')}")
        if app == "missing":
            raise TaskError("there is no app called missing", category=Category.CONFIG, code="ACME-001", hint="make it")
        await asyncio.sleep(payload.get("seconds", 0))
        with open(context.folder / "deployed.txt", "a") as log:
            log.write(app + chr(10))
        if app == "chatty":
            return "x" * 10_000
        output = {"url": f"https://{app}.example", "labels": payload.get("labels"), "key": context.key}
        output["owner"] = context.settings.get("owner")
        return StepOutput({**output, "clusters": context.sections.get("clusters")})
"""


def test_a_third_party_keyword_gets_everything_that_a_built_in_one_gets(
    fresh: Callable[[], Environment], tmp_path: Path
) -> None:
    source = tmp_path / "acme"
    package = source / "acme_nika_deploy"
    package.mkdir(parents=True)
    (source / "pyproject.toml").write_text(PYPROJECT)
    for name, text in {"__init__": "", "plugin": PLUGIN, "facets": FACETS, "step": STEP}.items():
        (package / f"{name}.py").write_text(text)
    build_wheel(source, tmp_path / "dist")
    environment = fresh()
    environment.install(*(tmp_path / "dist").glob("*.whl"))
    work = tmp_path / "work"
    work.mkdir()
    desk = Desk(environment, work)

    validated_with_positions(desk)
    in_the_schema_with_its_fields(desk)
    planned_with_effects_and_cost(desk)
    run_with_live_progress(desk)
    failing_with_its_own_code_that_is_explained(desk)
    held_to_limits_that_are_named_after_it(desk)
    masked(desk)
    recorded_and_resumed(desk)
    mocked_and_drawn(desk)
    called_by_an_agent(desk)
    configured_by_the_project_and_the_document(desk)


class Desk:
    def __init__(self, environment: Environment, work: Path) -> None:
        self.environment = environment
        self.work = work

    def write(self, text: str, name: str = "w.nika.yaml") -> None:
        (self.work / name).write_text(text)

    def nika(self, *arguments: str, code: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        done = self.environment.run(*arguments, cwd=self.work, environ=environ)
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, code: int = 0, **environ: str) -> Any:
        return json.loads(self.nika(*arguments, "--format", "json", code=code, **environ).stdout)

    @property
    def deployed(self) -> list[str]:
        log = self.work / "deployed.txt"
        found = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return found


def validated_with_positions(desk: Desk) -> None:
    desk.write("tasks:\n  - id: a\n    deploy:\n      app: myShop\n      regoin: eu\n      replicas: many\n")
    (file,) = desk.json("validate", "w.nika.yaml", code=2)["files"]
    found = {(each["line"], each["column"], each["code"]) for each in file["problems"]}
    assert {(5, 7, "NIKA-014"), (6, 17, "NIKA-014")} <= found
    assert any("region" in (each.get("hint") or "") for each in file["problems"])
    desk.write("tasks:\n  - id: a\n    deploy: {app: myShop}\n")
    (file,) = desk.json("validate", "w.nika.yaml", code=2)["files"]
    assert [(each["line"], each["column"], each["code"]) for each in file["problems"]] == [(3, 21, "ACME-001")]
    desk.write('tasks:\n  - id: a\n    deploy: shop\n  - id: b\n    shell: "echo {{a.url}} {{nobody}}"\n')
    (file,) = desk.json("validate", "w.nika.yaml", code=2)["files"]
    assert [(each["line"], each["code"]) for each in file["problems"]] == [(5, "NIKA-050")]


def in_the_schema_with_its_fields(desk: Desk) -> None:
    schema = json.loads(desk.nika("schema").stdout)
    mine = json.dumps(schema["definitions"]["deploy"])
    assert "Deploys an app to Acme." in mine
    assert "How many copies run." in mine
    assert "clusters" in schema["properties"]
    shown = desk.json("plugins", "show", "deploy")["plugins"][0]
    assert (shown["distribution"], shown["version"], shown["timeout"]) == ("acme-nika-deploy", "2.1.0", 45.0)
    assert shown["fields"]["app"] == "What to deploy."


def planned_with_effects_and_cost(desk: Desk) -> None:
    desk.write(
        'tasks:\n  - id: a\n    deploy: {app: "${input.app}", password: hunter2}\n  - {id: b, deploy: "{{a.url}}"}\n'
    )
    plan = desk.json("plan", "w.nika.yaml", "-i", "app=shop")
    text = json.dumps(plan)
    assert "deploy.acme.example" in text
    assert '"shop"' in text
    assert "hunter2" not in text
    assert "0.1" in text  # twice 0.05
    assert "0.5" in text  # twice 0.25
    desk.nika("run", "w.nika.yaml", "-i", "app=shop", "--no-journal", code=3, NIKA_MAX_COST="0.01")
    assert desk.deployed == []


def run_with_live_progress(desk: Desk) -> None:
    desk.write("tasks:\n  - id: a\n    deploy: {app: shop, labels: {tier: 3, hot: true}}\n")
    lines = [json.loads(line) for line in desk.nika("run", "w.nika.yaml", "--format", "jsonl").stdout.splitlines()]
    events = [(line["event"], line.get("data", {})) for line in lines]
    assert ("task.chunk", {"text": "deploying shop"}) in events
    assert ("notice", {"message": "shop goes to eu"}) in events
    kinds = [kind for kind, _ in events]
    assert kinds.index("task.started") < kinds.index("task.chunk") < kinds.index("task.succeeded")
    assert events[-1][1]["output"]["labels"] == {"tier": 3, "hot": True}
    assert events[-1][1]["tasks"][0]["keyword"] == "deploy"
    assert desk.deployed == ["shop"]


def failing_with_its_own_code_that_is_explained(desk: Desk) -> None:
    desk.write("tasks:\n  - {id: a, deploy: missing}\n")
    error = desk.json("run", "w.nika.yaml", code=1)["tasks"][0]["error"]
    assert (error["code"], error["category"], error["hint"]) == ("ACME-001", "config", "make it")
    assert "Write shop." in desk.nika("explain", "ACME-001").stdout


def held_to_limits_that_are_named_after_it(desk: Desk) -> None:
    desk.write("tasks:\n  - id: a\n    deploy: {app: shop, seconds: 60}\n    retry: {max: 1}\n")
    task = desk.json("run", "w.nika.yaml", code=1, NIKA_DEPLOY_TIMEOUT="200ms")["tasks"][0]
    assert task["error"]["category"] == "timeout"
    assert "NIKA_DEPLOY_TIMEOUT" in task["error"]["hint"]
    desk.write("tasks:\n  - {id: a, deploy: chatty}\n")
    task = desk.json("run", "w.nika.yaml")["tasks"][0]
    assert task["truncated"] is True
    assert len(task["output"].encode()) == 4096
    task = desk.json("run", "w.nika.yaml", NIKA_MAX_DEPLOY="1KB")["tasks"][0]
    assert task["output"].endswith("[TRUNCATED: 10000 bytes → 1024 bytes]")
    limits = desk.nika("limits", "deploy", NIKA_DEPLOY_TIMEOUT="7s").stdout
    assert "NIKA_DEPLOY_TIMEOUT" in limits
    assert "NIKA_MAX_DEPLOY" in limits
    assert desk.deployed == ["chatty", "chatty"]


def masked(desk: Desk) -> None:
    desk.write('tasks:\n  - id: a\n    deploy: {app: "${env.ACME_TOKEN}"}\n')
    for format_ in ("json", "jsonl", "pretty"):
        done = desk.nika("run", "w.nika.yaml", "--format", format_, ACME_TOKEN="tops3cret-value")
        assert "tops3cret" not in done.stdout + done.stderr
    for file in (desk.work / ".nika").rglob("*"):
        assert not file.is_file() or b"tops3cret" not in file.read_bytes()
    assert desk.deployed == ["tops3cret-value"] * 3


def recorded_and_resumed(desk: Desk) -> None:
    desk.write(
        'tasks:\n  - {id: a, deploy: shop}\n  - {id: b, shell: "[ -e go ] && echo {{a.url}}", retry: {max: 1}}\n'
    )
    failed = desk.json("run", "w.nika.yaml", code=1)
    shown = desk.json("runs", "show", failed["runId"])
    assert [(task["id"], task["keyword"], task["state"]) for task in shown["tasks"]] == [
        ("a", "deploy", "success"),
        ("b", "shell", "failed"),
    ]
    (desk.work / "go").touch()
    resumed = desk.json("resume", failed["runId"])
    assert resumed["tasks"][0]["reused"] is True
    assert resumed["output"] == "https://shop.example"
    assert desk.deployed == ["shop"]
    again = desk.json("resume", failed["runId"], "--from", "a")
    assert again["tasks"][0]["reused"] is False
    assert again["tasks"][0]["output"]["key"].endswith("/a#2")
    assert desk.deployed == ["shop"]


def mocked_and_drawn(desk: Desk) -> None:
    desk.write('tasks:\n  - {id: a, deploy: shop}\n  - {id: b, deploy: "{{a.url}}"}\n')
    mocked = desk.json("run", "w.nika.yaml", "--mock")
    assert mocked["tasks"][0]["output"]["url"] == "https://shop.mock.example"
    assert mocked["tasks"][1]["output"]["url"] == "https://https://shop.mock.example.mock.example"
    assert desk.deployed == []
    for format_ in ("mermaid", "dot", "svg", "text"):
        drawn = desk.nika("graph", "w.nika.yaml", "--format", format_).stdout
        assert "deploy" in drawn


def called_by_an_agent(desk: Desk) -> None:
    script = [
        {"toolCalls": [{"name": "deploy", "arguments": {"app": "cart"}}]},
        {"when": {"contains": "https://cart.example"}, "text": "It is at https://cart.example."},
    ]
    desk.write(json.dumps(script), "script.json")
    desk.write(
        "agent: {model: mock, allowedTools: [deploy]}\n"
        "tasks:\n  - {id: a, agent: Deploy the cart., allowedTools: [deploy]}\n"
    )
    lines = desk.nika("run", "w.nika.yaml", "--format", "jsonl", NIKA_MOCK_SCRIPT="script.json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    called = [event["data"] for event in events if event["event"] == "tool.called"]
    assert [(each["tool"], each["arguments"], each["isError"]) for each in called] == [
        ("deploy", {"app": "cart"}, False)
    ]
    assert events[-1]["data"]["output"] == "It is at https://cart.example."
    assert desk.deployed == ["cart"]


def configured_by_the_project_and_the_document(desk: Desk) -> None:
    desk.write("deploy: {owner: platform}\n", "nika.yaml")
    desk.write("clusters:\n  big: {size: 3}\ntasks:\n  - {id: a, deploy: shop}\n")
    output = desk.json("run", "w.nika.yaml")["output"]
    assert (output["owner"], output["clusters"]) == ("platform", {"big": {"size": 3}})
    desk.write("clusters:\n  big: {size: huge}\ntasks:\n  - {id: a, deploy: shop}\n")
    (file,) = desk.json("validate", "w.nika.yaml", code=2)["files"]
    assert [(each["line"], each["column"]) for each in file["problems"]] == [(2, 15)]
    desk.write("deploy: {onwer: platform}\n", "nika.yaml")
    desk.write("tasks:\n  - {id: a, deploy: shop}\n")
    assert "owner" in desk.nika("run", "w.nika.yaml", code=2).stderr
