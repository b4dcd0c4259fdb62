"""What limit policies are asked and told in a run: before everything, after everything, and after a kill, once."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import nika_core as nika
from nika_core.app import run_policies
from nika_core.app.policy_facts import user_name
from nika_core.errors import RefusedError
from tests.app import judged
from tests.app.judged import told

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(text: str, **options):
    Path("w.nika.yaml").write_text(text)
    return nika.run("w.nika.yaml", plugins=[judged], **{"journal": False, **options})


def settled(stage: str = "model") -> list[tuple[str, int, str, bool]]:
    return [
        (line["task_id"], line["tokens"], line["cost_usd"], line["exact"])
        for line in told("settle")
        if line["stage"] == stage
    ]


ACME = "agent: {model: acme, provider: acme}\ntasks:\n"


def test_at_the_start_of_a_run_a_policy_sees_what_the_run_would_use_and_touch(folder):
    inner = b"tasks: [{id: x, deploy: shop}]\n"
    (folder / "inner.nika.yaml").write_bytes(inner)
    text = f"{ACME}  - {{id: a, llm: hello}}\n  - {{id: b, shell: echo hi}}\n  - {{id: c, workflow: inner.nika.yaml}}\n"
    run(text, environ={"ACME_TOKEN": "very-secret", "HOME": "/root", "NIKA_MAX_COST": "3"})
    asked = told("admit")[0]
    assert asked["stage"] == "run"
    assert (asked["models"], asked["providers"]) == (["acme"], ["acme"])
    assert asked["keywords"] == ["llm", "shell", "workflow", "deploy"]
    assert asked["digest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert list(asked["digests"].values()) == [asked["digest"], f"sha256:{hashlib.sha256(inner).hexdigest()}"]
    for effect in ("process', target='echo hi'", "host', target='shop.acme.example'", "model', target='acme'"):
        assert effect in str(asked["effects"])
    assert (asked["environ"]["ACME_TOKEN"], asked["environ"]["HOME"]) == ("***", "/root")
    assert asked["user"] == user_name()
    assert asked["time"] > 1.7e9
    assert asked["limits"]["run.cost"] == 3.0
    assert asked["mocked"] is False


def test_each_stage_says_what_it_is_about_and_shows_no_secret(folder):
    run(
        f"{ACME}  - id: a\n    deploy: {{app: shop, password: hunter22}}\n"
        "  - {id: b, llm: '{{a}} very-secret'}\n",
        environ={"ACME_TOKEN": "very-secret"},
    )
    task, model = (
        next(line for line in told("admit") if (line["stage"], line["task_id"]) == wanted)
        for wanted in (("task", "a"), ("model", "b"))
    )
    assert (task["keyword"], task["hosts"], task["attempt"]) == ("deploy", ["shop.acme.example"], 1)
    assert task["payload"] == {"app": "shop", "password": "***"}
    assert task["cost_usd"] == "0.25"
    assert (model["provider"], model["model"], model["keyword"], model["tokens"]) == ("acme", "acme", "llm", 1010)
    assert all(line["user"] and line["time"] and line["environ"] and line["limits"] for line in told())
    assert "hunter22" not in judged.LOG.read_text()
    assert "very-secret" not in judged.LOG.read_text()


def test_a_tool_of_anybody_is_judged_by_its_redacted_arguments_and_its_hosts(folder):
    result = run("agent: {model: acme, provider: acme, allowedTools: [deploy]}\ntasks: [{id: a, agent: a tool}]\n")
    assert result.status == "succeeded"
    (asked,) = (line for line in told("admit") if line["stage"] == "tool")
    assert (asked["tool"], asked["keyword"], asked["hosts"]) == ("deploy", "deploy", ["shop.acme.example"])
    assert asked["arguments"] == asked["payload"] == {"app": "shop", "password": "***"}


def test_what_calls_and_attempts_have_taken_is_told_whatever_came_of_them(folder):
    tasks = ("{id: a, llm: good}", "{id: b, llm: fail}", "{id: c, llm: lost}", "{id: unsendable, llm: x}")
    result = run(ACME + "".join(f"  - {task}\n" for task in (*tasks, "{id: d, deploy: shop}")))
    worst = "0.01001"  # 10 tokens of the prompt and 1,000 of the answer
    assert sorted(settled()) == [
        ("a", 12, "0.00003", True),
        ("b", 10, "0.00001", True),
        ("c", 1010, worst, False),
        ("unsendable", 0, "0", True),
    ]
    assert [line for line in settled("task") if line[0] == "d"] == [("d", 0, "0.05", True)]
    assert "the line is cut" in next(task.failure.message for task in result.tasks if task.id == "unsendable")
    admitted = {line["call"] for line in told("admit") if line["call"]}
    assert sorted(admitted) == sorted(line["call"] for line in told("settle"))  # each once
    (ended,) = told("ended")
    assert ended["what"] == told()[-1]["what"]
    assert (ended["status"], ended["tokens"], ended["spent_tokens"]) == ("failed", 12 + 10 + 1010, 12 + 10 + 1010)


def test_a_policy_of_one_method_sees_the_last_figures_too(folder, monkeypatch):
    monkeypatch.delattr(judged.Recorder, "ended")
    result = run(f"{ACME}  - {{id: a, llm: good}}\n")
    last = told("admit")[-1]
    assert (last["stage"], last["spent_tokens"]) == ("ended", result.usage.total_tokens)


def test_an_end_that_a_policy_cannot_take_is_a_warning_of_the_run(folder, monkeypatch):
    def ended(self, spending):
        raise RuntimeError("cannot hear")

    monkeypatch.setattr(judged.Recorder, "ended", ended)
    Path("w.nika.yaml").write_text(f"{ACME}  - {{id: a, llm: good}}\n")
    execution = nika.start(nika.prepare("w.nika.yaml", plugins=[judged]), journal=False)
    assert nika.run_to_end(execution.run()).status.value == "succeeded"
    (warning,) = execution.warnings
    assert warning.startswith("what was spent could not be told to a limit policy")
    assert "cannot hear" in warning


@pytest.mark.parametrize("refused", ["task", "model"])
def test_what_is_refused_is_never_sent_and_nothing_of_it_stays_open(folder, monkeypatch, refused):
    monkeypatch.setenv("REFUSE", refused)
    result = run(f"{ACME}  - {{id: a, llm: good}}\n")
    assert (result.tasks[0].failure.code, result.tasks[0].failure.hint) == ("NIKA-066", "come back tomorrow")
    assert told("sending") == []
    assert settled() == []


def test_a_run_that_is_refused_runs_nothing(folder, monkeypatch):
    monkeypatch.setenv("REFUSE", "run")
    with pytest.raises(RefusedError, match="not today"):
        run("tasks: [{id: a, shell: touch there}]\n")
    assert not Path("there").exists()


def test_a_call_that_may_be_admitted_later_waits_and_the_user_is_told_once(folder):
    events = []
    result = run(f"{ACME}  - {{id: later, llm: good}}\n", on_event=events.append)
    assert result.status == "succeeded"
    notices = [event.data["message"] for event in events if "waits" in str(event.data.get("message"))]
    assert notices == ["A call to a model waits: not now"]


def test_a_policy_that_gives_no_answer_refuses(folder, monkeypatch):
    stuck = threading.Event()
    monkeypatch.setattr(run_policies, "ANSWER_SECONDS", 0.05)

    def admit(self, request):
        if request.stage == "task":
            stuck.wait()

    monkeypatch.setattr(judged.Recorder, "admit", admit)
    try:
        result = run("tasks: [{id: a, shell: touch there}]\n")
    finally:
        stuck.set()
        for thread in threading.enumerate():
            if thread.name.startswith("nika-policies"):
                thread.join(60)  # what it still tells must not be told to the next test
    assert "'recorder') gave no answer within 0.05 s" in result.tasks[0].failure.message
    assert not Path("there").exists()


# ---- kills, and resuming

DRIVER = """
import sys
import nika_core as nika
from tests.app import judged
if sys.argv[1] == "run":
    nika.run("w.nika.yaml", plugins=[judged])
else:
    result = nika.resume("last", plugins=[judged])
    print(result.status)
"""


def process(what: str, **environ: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", DRIVER, what],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_after_a_kill_the_resumed_run_tells_what_is_open_and_nothing_twice(folder):
    Path("w.nika.yaml").write_text(
        f"{ACME}  - {{id: a, llm: good}}\n  - {{id: b, llm: 'kill {{{{a}}}}'}}\n  - {{id: c, llm: '{{{{b}}}}'}}\n"
    )
    assert process("run").returncode == -9
    assert settled() == [("a", 12, "0.00003", True)]
    assert told("ended") == []
    (killed,) = (line["call"] for line in told("sending") if line["task_id"] == "b")

    assert process("resume").stdout == "succeeded\n"
    assert [line[:3] for line in settled()[1:]] == [("b", 1010, "0.01001"), ("b", 12, "0.00003"), ("c", 12, "0.00003")]
    first = [line for line in told("settle") if line["stage"] == "model"][1]
    assert (first["call"], first["exact"], first["recovered"]) == (killed, False, True)
    names = [line["call"] for line in told("settle") if line["stage"] == "model"]
    assert sorted(names) == sorted(line["call"] for line in told("sending"))
    (ended,) = told("ended")
    assert (ended["tokens"], ended["spent_tokens"]) == (12 * 3 + 1010, 12 * 3 + 1010)

    assert process("resume").stdout == "succeeded\n"  # nothing was left to do, or to tell
    assert len(settled()) == 4
    assert [(line["tokens"], line["spent_tokens"]) for line in told("ended")] == [(1046, 1046), (0, 1046)]


def test_a_kill_between_the_policy_and_the_history_makes_it_tell_the_same_again_under_the_same_name(folder):
    Path("w.nika.yaml").write_text(f"{ACME}  - {{id: a, llm: good}}\n")
    assert process("run", KILL_IN_SETTLE="1").returncode == -9
    assert process("resume").stdout == "succeeded\n"
    one, other = (line for line in told("settle") if line["stage"] == "model")
    assert (one["call"], one["tokens"], one["cost_usd"]) == (other["call"], other["tokens"], other["cost_usd"])
    assert (one["recovered"], other["recovered"]) == (False, True)


def test_what_a_policy_could_not_be_told_is_said_and_told_by_the_resumed_run(folder):
    Path("w.nika.yaml").write_text(f"{ACME}  - {{id: a, llm: good}}\n  - {{id: b, deploy: shop}}\n")
    assert process("run", DEAF="1").returncode == 0
    assert (settled(), settled("task")) == ([], [])
    assert process("resume").stdout == "succeeded\n"
    assert (settled(), settled("task")) == ([("a", 12, "0.00003", True)], [("b", 0, "0.05", True)])
