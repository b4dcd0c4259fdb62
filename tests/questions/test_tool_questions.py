"""Questions that the tools of a model ask: a third party's keyword asks as `ask` does, and other calls lose nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.app.workspace import Workspace

from ..signals.conftest import LiveRun, Project

MODULE = """
import asyncio

from nika_core.plugin import Facets, InputSpec, Keyword, Question, Step, Tool, ToolSpec, fields, hookimpl

NIKA_API = 1


def log(context, text):
    with (context.folder / "steps").open("a") as steps:
        steps.write(text + "\\n")


class ConfirmStep(Step):
    async def run(self, payload, context):
        log(context, "confirm " + payload["what"])
        while (context.folder / "hold").exists():
            await asyncio.sleep(0.01)
        file = context.folder / payload["what"]
        question = file.read_text() if file.is_file() else payload["what"]
        form = {
            "mail": InputSpec("mail", format="email"),
            "tags": InputSpec("tags", enum=("a", "b", "c"), many=True, longest=2, required=False),
        }
        answer = await context.ask(Question(message=question, form=form, words=("decline", "cancel")))
        return {"answer": answer}


class MarkStep(Step):
    async def run(self, payload, context):
        while "confirm" not in (context.folder / "steps").read_text():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # the question is asked by now
        log(context, "mark " + payload["what"])
        return "marked"


class Tools(Facets):
    word = ""

    async def tools(self, reference, context):
        schema = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
        return [Tool(self.word, self.word, ToolSpec(self.word, "", schema), dict)]


class ConfirmFacets(Tools):
    word = "confirm"


class MarkFacets(Tools):
    word = "mark"


@hookimpl
def nika_task_keywords():
    payload = fields.Map({"what": fields.Str()})
    return [
        Keyword(name=word, summary=word, primary="what", payload=payload,
                step=f"acme_confirm:{word.title()}Step", facets=f"acme_confirm:{word.title()}Facets")
        for word in ("confirm", "mark")
    ]
"""
AGENT = """\
agent: {model: mock, allowedTools: [confirm, mark]}
tasks:
  - {id: work, agent: "Do it"}
"""
SLOW = "  - {id: slow, shell: 'while [ ! -e go ]; do sleep 0.05; done'}\n"
MAIL = ("-i", "mail=ada@example.com")


def calls(*named: tuple[str, str]) -> dict[str, Any]:
    return {"when": {"turn": 0}, "toolCalls": [{"name": name, "arguments": {"what": what}} for name, what in named]}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    site = tmp_path / "site"
    info = site / "acme_confirm-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-confirm\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nika.keywords]\nconfirm = acme_confirm\nmark = acme_confirm\n")
    (site / "acme_confirm.py").write_text(MODULE)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "steps").touch()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIKA_")}
    script = str(folder / "mock.json")
    return Project(folder, {**environ, "PYTHONPATH": str(site), "NO_COLOR": "1", "NIKA_MOCK_SCRIPT": script})


def write(project: Project, text: str, *replies: Any) -> None:
    (project.folder / "mock.json").write_text(json.dumps([*replies, "done"]))
    (project.folder / "w.nika.yaml").write_text(text)


def paused(project: Project, *replies: Any, text: str = AGENT) -> Any:
    write(project, text, *replies)
    done = project.nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 4, done.err + done.out
    return done.json


def events(project: Project, kind: str) -> list[dict[str, Any]]:
    """Return the data of the last run's events of a kind."""
    journal = Workspace.open(project.folder, environ=project.environ).journal()
    try:
        return [dict(event.data) for event in journal.load("last").events if event.kind == kind]
    finally:
        journal.close()


def steps(project: Project) -> list[str]:
    return (project.folder / "steps").read_text().splitlines()


def test_a_tool_asks_and_the_calls_beside_it_are_made_once(project: Project) -> None:
    run = paused(project, calls(("confirm", "go"), ("mark", "one")))
    assert [(each["task"], each["message"]) for each in run["questions"]] == [("work", "go")]
    assert sorted(steps(project)) == ["confirm go", "mark one"]
    assert project.nika("answer", "work", *MAIL, "--resume").code == 0
    assert sorted(steps(project)) == ["confirm go", "confirm go", "mark one"]


def test_each_of_two_equal_calls_is_asked_about(project: Project) -> None:
    paused(project, calls(("confirm", "go"), ("confirm", "go")))
    assert project.nika("answer", "work", *MAIL, "--resume").code == 4
    assert project.nika("answer", "work", "decline", "--resume").code == 0
    assert [data["payload"] for data in events(project, "signal.received")] == [
        {"mail": "ada@example.com"},
        "decline",
    ]
    called = [data["tool"] for data in events(project, "tool.called") if "reused" not in data]
    assert called == ["confirm", "confirm"]


def test_a_reply_that_was_paid_for_is_not_asked_for_again_after_the_answer(
    project: Project, live: Callable[..., LiveRun]
) -> None:
    write(project, AGENT + SLOW, calls(("confirm", "go"), ("mark", "one")))
    run = live()
    run.until("task.waiting", "work")
    assert project.nika("answer", "work", *MAIL).code == 0
    run.until("task.succeeded", "work")
    (project.folder / "go").touch()
    assert run.end()["status"] == "succeeded"
    paid = [data for data in events(project, "model.called") if not data.get("reused")]
    assert len(paid) == 2
    assert steps(project).count("mark one") == 1


def test_a_tool_that_asks_in_a_task_of_its_own_is_told_its_answer(project: Project) -> None:
    paused(project, text="tasks:\n  - {id: work, confirm: go}\n")
    told = project.nika("resume", "last").err
    assert "work -i mail=EMAIL [-i 'tags=a|b|c,...'] (or decline, cancel)" in told
    done = project.nika("answer", "last", "work", *MAIL, "-i", "tags=a,c", "--resume", "--format", "json")
    assert done.json["output"] == {"answer": {"mail": "ada@example.com", "tags": ["a", "c"]}}


def test_an_answer_is_not_for_what_a_task_that_is_at_work_again_asks_next(
    project: Project, live: Callable[..., LiveRun]
) -> None:
    (project.folder / "question").write_text("Delete one file?")
    paused(project, text="tasks:\n  - {id: work, confirm: question}\n")
    (project.folder / "question").write_text("Delete all files?")
    (project.folder / "hold").touch()
    run = live("resume", "last")
    run.until("task.started", "work")
    assert project.nika("answer", "last", "work", *MAIL).code == 0
    (project.folder / "hold").unlink()
    ended = run.end()
    assert (ended["status"], [each["message"] for each in ended["questions"]]) == ("paused", ["Delete all files?"])
    assert any("is void" in data["message"] for data in events(project, "notice"))


def test_a_word_takes_the_place_of_a_form(project: Project) -> None:
    paused(project, text="tasks:\n  - {id: work, confirm: go}\n")
    listed = project.nika("answer", "--list", "--format", "json").json["questions"]
    assert listed[0]["words"] == ["decline", "cancel"]
    done = project.nika("answer", "work", "Cancel", "--resume", "--format", "json")
    assert done.json["output"] == {"answer": "cancel"}
    assert "had this answer before" in project.nika("answer", "last", "work", "cancel").err


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (("yes",), "the answer has the fields mail, tags, or is decline or cancel, and is not `true`"),
        (("-i", "mail=ada"), "`mail`: expected an email address, found `ada`"),
        ((*MAIL, "-i", "tags=a,d"), "`tags`: expected one of `a`, `b`, `c`, found `d`"),
        ((*MAIL, "-i", "tags=a,b,c"), "`tags`: expected at most 2 values, found 3"),
        ((*MAIL, "-i", "tags=a,a"), "`tags`: expected each value once"),
        ((*MAIL, "-i", 'tags={"a": 1}'), "`tags`: expected one of"),
        (("skip",), "'skip' is not an answer"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays(
    project: Project, answer: tuple[str, ...], told: str
) -> None:
    paused(project, text="tasks:\n  - {id: work, confirm: go}\n")
    refused = project.nika("answer", "last", "work", *answer)
    assert (refused.code, told in refused.err) == (2, True), refused.err
    assert len(project.nika("answer", "--list", "--format", "json").json["questions"]) == 1
