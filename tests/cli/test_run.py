from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Nika

Write = Callable[[str, str], Path]


def test_json_keeps_its_types_through_templates(nika: Nika, write: Write) -> None:
    write("f.py", "def kinds(**values):\n    return {key: type(value).__name__ for key, value in values.items()}\n")
    write(
        "w.nika.yaml",
        """\
        tasks:
          - id: made
            shell: "echo '{\\"n\\": 3, \\"on\\": true, \\"list\\": [1], \\"none\\": null}'"
          - id: seen
            function:
              reference: f.py::kinds
              args: {n: "{{made.n}}", on: "{{made.on}}", list: "{{made.list}}", text: "n={{made.n}}", plain: 3.10}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["output"] == {"n": "int", "on": "bool", "list": "list", "text": "str", "plain": "str"}


def test_the_result_has_the_promised_keys_and_leaves_out_those_without_a_value(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n  - {id: b, shell: 'exit 3'}\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 1
    assert {"runId", "workflow", "status", "durationMs", "usage", "tasks"} <= set(done.json)
    assert (done.json["workflow"], done.json["status"]) == ("w", "failed")
    assert done.tasks["a"]["output"] == "hi"
    assert "error" not in done.tasks["a"]
    assert done.tasks["b"]["error"]["category"] == "execution"
    assert done.tasks["b"]["error"]["code"] == "NIKA-080"
    assert done.tasks["b"]["attempts"] == 1  # nobody said that it may run twice


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["run", "bad.nika.yaml"], 2, "NIKA-012"),
        (["run", "none.nika.yaml"], 2, "NIKA-003"),
        (["run", "w.nika.yaml", "-i", "x"], 2, "NIKA-009"),
        (["run", "asks.nika.yaml"], 3, "NIKA-06"),
        (["resume", "none"], 2, "NIKA-093"),
    ],
)
def test_a_run_that_never_starts_is_one_object_with_its_problems(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, why: str
) -> None:
    monkeypatch.setenv("NIKA_MAX_TOKENS_TOTAL", "1")
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    write("bad.nika.yaml", "tasks:\n  - {id: a}\n")
    write("asks.nika.yaml", "agent: {model: mock}\ntasks:\n  - {id: a, llm: a prompt of more than one token}\n")
    done = nika(*arguments, "--format", "json")
    assert done.code == code, done.err
    assert (done.json["status"], done.json["tasks"]) == ("failed", [])
    assert done.json["problems"][0]["code"].startswith(why)
    assert done.json["problems"][0]["code"] in done.err
    (line,) = nika(*arguments, "--format", "jsonl").out.splitlines()
    assert json.loads(line)["data"] == done.json
    assert nika(*arguments).out == ""


def test_secrets_are_masked_in_what_is_told_before_a_run_begins(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "tops3cret-value")
    monkeypatch.setenv("DECLARED", "als0-a-secret")
    write("nika.yaml", "secrets: [DECLARED]\n")
    write("w.nika.yaml", "inputs: {n: {type: int}}\ntasks:\n  - {id: a, shell: echo als0-a-secret}\n  - {id: b}\n")
    write("v.nika.yaml", 'inputs: {n: {type: int}}\ntasks:\n  - {id: a, shell: "echo ${input.n}"}\n')
    for workflow, format_ in (("w", "pretty"), ("w", "json"), ("v", "pretty"), ("v", "json"), ("v", "jsonl")):
        done = nika("run", f"{workflow}.nika.yaml", "-i", "n=tops3cret-value", "--format", format_)
        assert done.code == 2
        assert "s3cret" not in done.out + done.err
        assert "als0" not in done.out + done.err


def test_secrets_are_masked_in_what_is_checked_and_drawn(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "tops3cret-value")
    monkeypatch.setenv("DECLARED", "als0-a-secret")
    write("nika.yaml", "secrets: [DECLARED]\n")
    write("bad.nika.yaml", "tasks:\n  - {id: a, shell: x, tops3cret-value: 1, als0-a-secret: 2}\n")
    write(
        "w.nika.yaml",
        """\
        name: tops3cret-value
        tasks: [{id: a, shell: x}, {id: b, shell: x}]
        flows: [{source: a, target: b, condition: "{{a}} == 'als0-a-secret'"}]
        """,
    )
    for format_ in ("pretty", "json", "compact"):
        done = nika("validate", "bad.nika.yaml", "--format", format_)
        assert (done.code, "***" in done.out + done.err) == (2, True)
        assert not re.search("tops3cret|als0", done.out + done.err)
    for format_ in ("text", "mermaid", "dot", "svg"):
        done = nika("graph", "w.nika.yaml", "--format", format_)
        assert (done.code, "***" in done.out) == (0, True)
        assert not re.search("tops3cret|als0", done.out)


def test_a_false_condition_skips_with_its_reason(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: check, shell: echo 7}
          - {id: high, shell: echo high}
          - {id: low, shell: echo low}
        flows:
          - {source: check, target: high, condition: "{{check}} > 10"}
          - {source: check, target: low, condition: "{{check}} <= 10"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.tasks["high"]["state"] == "skipped"
    assert done.tasks["high"]["skipReason"] == "condition"
    assert done.json["output"] == "low"


def test_secrets_are_masked_in_everything_that_is_printed(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "tops3cret-value")
    tasks = 'tasks:\n  - {id: a, shell: "echo got $ACME_TOKEN; echo $ACME_TOKEN >&2; exit 1"}\n'
    write("w.nika.yaml", f"name: for tops3cret-value\n{tasks}")
    for format_ in ("json", "jsonl", "pretty"):
        done = nika("run", "w.nika.yaml", "--format", format_)
        assert "tops3cret" not in done.out + done.err
    assert "tops3cret" not in nika("runs", "list").out
    shown = nika("runs", "list", "--format", "json").json["runs"][0]["runId"]
    assert "tops3cret" not in nika("runs", "show", shown, "--format", "json").out
    for file in (folder / ".nika").rglob("*"):
        assert not file.is_file() or b"tops3cret" not in file.read_bytes()


def test_a_secret_of_digits_is_masked_as_a_json_number_too(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "123456789")
    write("f.py", "def seen(pin):\n    assert pin == 123456789, type(pin)\n    return [pin]\n")
    write(
        "w.nika.yaml",
        """\
        inputs: {n: {type: int}}
        tasks:
          - id: a
            shell: |
              printf '{"pin": %s}' $ACME_TOKEN
          - {id: b, function: {reference: "f.py::seen", args: {pin: "{{a.pin}}"}}}
          - {id: c, shell: "test {{b}} = no"}
        """,
    )
    planned = nika("plan", "w.nika.yaml", "-i", "n=123456789", "--format", "json")
    assert planned.code == 0, planned.err
    for format_ in ("json", "jsonl", "pretty"):
        done = nika("run", "w.nika.yaml", "-i", "n=123456789", "--format", format_)
        assert "123456789" not in done.out + done.err
        if format_ == "json":
            assert done.tasks["b"]["output"] == ["***"]
    run = nika("runs", "list", "--format", "json").json["runs"][0]["runId"]
    shown = nika("runs", "show", run, "--format", "json")
    assert "123456789" not in shown.out
    assert shown.json["inputs"] == {"n": "***"}
    for file in (folder / ".nika").rglob("*"):
        assert not file.is_file() or b"123456789" not in file.read_bytes()
    again = nika("resume", run, "-i", "n=123456789", "--format", "json")
    assert not again.tasks["b"]["reused"]  # what it gives is not in the history, and is not made of ***


def test_a_run_that_takes_longer_than_its_time_fails_says_so_and_can_be_resumed(nika: Nika, write: Write) -> None:
    text = "tasks:\n  - {id: a, shell: '[ -e go ] || sleep 60; echo done'}\n  - {id: b, shell: 'echo {{a}}'}\n"
    write("w.nika.yaml", text)
    done = nika("run", "w.nika.yaml", "--timeout", "1ms", "--format", "json")
    run, why = done.json["runId"], "the run took longer than 0.001 s"
    assert (done.code, done.json["status"]) == (1, "failed")
    assert done.tasks["a"]["error"]["message"] == why
    assert done.tasks["b"]["skipReason"] == "runCancelled"

    again = nika("resume", run)  # its time holds anew
    assert (again.code, why in again.err, f"nika resume {run}" in again.err) == (1, True, True)
    assert why in nika("runs", "show", run).out
    write("go", "")
    longer = nika("resume", run, "--timeout", "1h", "--format", "json")
    assert (longer.code, longer.json["output"]) == (0, "done")


@pytest.mark.parametrize(
    ("time", "said"), [("soon", "`10s`, `5m`, `1h` or `7d`, found `soon`"), ("0", "more than no time")]
)
def test_a_time_that_is_none_is_told_before_anything_runs(
    nika: Nika, write: Write, folder: Path, time: str, said: str
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: touch ran; exit 1}\n")
    for arguments in (("run", "w.nika.yaml"), ("resume", "any")):
        done = nika(*arguments, "--timeout", time)
        assert (done.code, "--timeout" in done.err, said in done.err) == (2, True, True)
    assert not (folder / "ran").exists()


def test_jsonl_prints_an_event_a_line_and_the_result_last(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    lines = [json.loads(line) for line in nika("run", "w.nika.yaml", "--format", "jsonl").out.splitlines()]
    kinds = [line["event"] for line in lines]
    assert kinds[0] == "run.started"
    assert "task.succeeded" in kinds
    assert lines[-1]["event"] == "result"
    assert lines[-1]["data"]["output"] == "hi"


def test_an_event_of_jsonl_has_its_usage_in_the_form_of_the_result(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "agent: {model: mock}\ntasks:\n  - {id: a, llm: hi}\n")
    lines = [json.loads(line) for line in nika("run", "w.nika.yaml", "--format", "jsonl").out.splitlines()]
    (task,) = lines[-1]["data"]["tasks"]
    assert task["usage"]["costUsd"] == 0  # a number, as its key says, and no text
    for kind in ("model.called", "task.succeeded"):
        (line,) = (line for line in lines if line["event"] == kind)
        assert line["data"]["usage"] == task["usage"]


def test_pretty_prints_the_output_on_stdout_and_the_progress_on_stderr(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    done = nika("run", "w.nika.yaml")
    assert done.out == "hi\n"
    assert "✓ a" in done.err


def test_control_codes_of_an_output_are_shown_not_obeyed(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: \"printf '\\\\033[31mred[bold]x'\"}\n")
    assert nika("run", "w.nika.yaml").out == "\\x1b[31mred[bold]x\n"


def test_no_text_of_others_is_a_control_code_in_what_is_printed(nika: Nika, write: Write) -> None:
    bad = r"\e[31m\x9b31m\u202e"
    write(
        "w.nika.yaml",
        f"""\
        name: "n{bad}"
        agent: {{model: "mock-{bad}"}}
        tasks:
          - {{id: a, llm: "p{bad}"}}
          - {{id: b, shell: "printf %s {{{{a}}}}"}}
        flows: [{{source: a, target: b, condition: "{{{{a}}}} != '{bad}'"}}]
        """,
    )
    result = nika("run", "w.nika.yaml", "--format", "json")
    assert result.code == 0, result.out
    assert result.json["output"] == "mock: p\x1b[31m\x9b31m\u202e"  # escaped, and whole
    run = result.json["runId"]
    calls = [("run", "w.nika.yaml", "--format", each) for each in ("pretty", "json", "jsonl")]
    calls += [("runs", "show", run, "--format", each) for each in ("pretty", "json")]
    calls += [("plan", "w.nika.yaml", "--format", each) for each in ("pretty", "json")]
    calls += [("graph", "w.nika.yaml", "--format", each) for each in ("text", "dot", "mermaid", "svg")]
    for call in calls:
        done = nika(*call)
        assert done.code == 0, done.err
        assert not re.search("[\x1b\x7f-\x9f\u202e]", done.out + done.err), call


def test_inputs_come_from_options_and_files_and_are_typed(nika: Nika, write: Write) -> None:
    write("topic.txt", "from a file")
    write("more.yaml", "count: 2\nflag: true\nversion: 7\ntags: {n: 1}\n")
    write(
        "w.nika.yaml",
        """\
        inputs:
          topic: {type: string}
          count: {type: int}
          flag: {type: bool, default: false}
          version: {type: string, default: 3.10}
          tags: {type: json, default: {}}
        tasks:
          - {id: a, shell: "echo ${input.topic} ${input.count} ${input.flag} ${input.version} ${input.tags}"}
        """,
    )
    done = nika("run", "w.nika.yaml", "-i", "topic=@topic.txt", "--inputs", "more.yaml")
    assert done.out == 'from a file 2 true 7 {"n":1}\n'
    refused = nika("run", "w.nika.yaml", "-i", "count=two", "-i", "flag=maybe", "-i", "extra=1")
    assert refused.code == 2
    assert refused.err.count("NIKA-009") == 4  # all at once: count, flag, topic, extra


def test_without_a_file_the_project_says_what_to_run(nika: Nika, write: Write) -> None:
    write("nika.yaml", "main: flows/w.nika.yaml\n")
    write("flows/w.nika.yaml", "tasks:\n  - {id: a, shell: pwd}\n")
    done = nika("run")
    assert done.code == 0, done.err
    assert done.out.endswith("/flows\n")


def test_a_failed_task_does_not_stop_independent_ones_unless_told_to(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: bad, shell: "exit 1", retry: {max: 1}}
          - {id: below, shell: "echo {{bad}}"}
          - {id: other, shell: "echo fine"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    states = {name: (task["state"], task.get("skipReason")) for name, task in done.tasks.items()}
    assert states == {"bad": ("failed", None), "below": ("skipped", "upstreamFailed"), "other": ("success", None)}
    fast = nika("run", "w.nika.yaml", "--format", "json", "--fail-fast", "--max-concurrent", "1")
    assert fast.tasks["other"]["skipReason"] == "runCancelled"


FAILURES = {
    "a missing file": ("run", "absent.nika.yaml", 2, "NIKA-003"),
    "a directory": ("run", "folder", 2, "NIKA-003"),
    "bytes that are not UTF-8": ("run", "latin.nika.yaml", 2, "NIKA-003"),
    "an empty file": ("run", "empty.nika.yaml", 2, "NIKA-003"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_input_that_is_no_workflow_fails_well(nika: Nika, folder: Path, case: str) -> None:
    (folder / "folder").mkdir()
    (folder / "latin.nika.yaml").write_bytes(b"name: caf\xe9\n")
    (folder / "empty.nika.yaml").write_bytes(b"")
    command, path, code, problem = FAILURES[case]
    done = nika(command, path)
    assert done.code == code
    assert problem in done.err


DOCUMENTS = {
    "an unknown key": ("tasks:\n  - id: a\n    shel: ls\n", "NIKA-012|NIKA-070", 3),
    "two keywords in one task": ("tasks:\n  - id: a\n    shell: ls\n    llm: hi\n", "NIKA-013", 4),
    "a cycle": ('tasks:\n  - {id: a, shell: "echo {{b}}"}\n  - {id: b, shell: "echo {{a}}"}\n', "NIKA-040", 2),
    "an unknown task in a template": ('tasks:\n  - {id: a, shell: "echo {{bb}}"}\n', "NIKA-050", 2),
    "a keyword that no plugin offers": ("tasks:\n  - id: a\n    deploy: {to: x}\n", "NIKA-070", 3),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_document_that_is_wrong_is_refused_with_code_and_place(nika: Nika, write: Write, case: str) -> None:
    text, code, line = DOCUMENTS[case]
    write("w.nika.yaml", text)
    done = nika("validate", "w.nika.yaml", "--format", "json")
    assert done.code == 2
    problems = done.json["files"][0]["problems"]
    assert any(re.fullmatch(code, each["code"]) and each["line"] == line for each in problems), problems
    assert nika("run", "w.nika.yaml").code == 2


FAILING_TASKS = {
    "a server that is not there": ("http: http://127.0.0.1:9/", "network", "127.0.0.1"),
    "a command that is not there": ("shell: {argv: [no-such-command-here]}", "", "no-such-command-here"),
    "a function that raises": ("function: f.py::raises", "execution", "ValueError: wrong"),
    "a function that exits": ("function: f.py::exits", "execution", "exit"),
    "a function that never returns": ("function: f.py::hangs\n    timeout: 400ms", "timeout", "400 ms|0.4"),
    "an MCP server that is not there": ("mcp: nowhere::tool", "", "nowhere"),
}


@pytest.mark.parametrize("case", FAILING_TASKS)
def test_a_task_that_cannot_work_fails_with_category_and_hint(
    nika: Nika, write: Write, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_HTTP_ALLOW", "127.0.0.1")
    monkeypatch.setenv("NIKA_MAX_RETRIES", "1")
    write(
        "f.py",
        "import sys, time\n"
        "def raises():\n    raise ValueError('wrong')\n"
        "def exits():\n    sys.exit(4)\n"
        "def hangs():\n    print('hello')\n    time.sleep(60)\n",
    )
    task, category, says = FAILING_TASKS[case]
    write("w.nika.yaml", f"tasks:\n  - id: a\n    {task}\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    if done.code == 2:  # what can be known before anything runs is told then
        assert re.search(says, done.err)
        return
    assert done.code == 1, done.err
    error = done.tasks["a"]["error"]
    assert not category or error["category"] == category
    assert re.search(says, error["message"])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_cancels_cleanly_and_the_run_can_be_resumed(
    start: Callable[..., subprocess.Popen[str]], nika: Nika, write: Write, folder: Path, how: signal.Signals
) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: done, shell: "echo once >> done.txt; echo kept"}
          - {id: slow, shell: "echo {{done}} > started; [ -e go ] || sleep 600"}
        """,
    )
    process = start("run", "w.nika.yaml", "--format", "json")
    deadline = time.monotonic() + 120
    while not (folder / "started").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    result = json.loads(out)
    assert result["status"] == "cancelled"
    left = subprocess.run(["pgrep", "-f", "sleep 600"], capture_output=True, text=True, check=False).stdout.split()
    assert not [pid for pid in left if Path(f"/proc/{pid}/cwd").resolve() == folder]
    (folder / "go").touch()
    again = nika("resume", result["runId"], "--format", "json")
    assert again.code == 0, again.err
    assert again.tasks["done"]["reused"] is True
    assert (folder / "done.txt").read_text() == "once\n"


def test_ctrl_c_while_nika_itself_is_still_being_imported_is_no_traceback() -> None:
    code = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "nika_core.cli.program":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from nika_core.cli import command_line
command_line()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_run_under_nohup_outlives_its_terminal(write: Write, folder: Path) -> None:
    write("w.nika.yaml", 'tasks:\n  - {id: a, shell: "kill -HUP $(cat pid); echo on"}\n')
    program = str(Path(sys.executable).with_name("nika"))
    command = ["sh", "-c", 'echo $$ > pid; exec nohup "$0" run w.nika.yaml', program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "on\n"), done.stderr


def test_that_a_run_will_have_no_history_is_told_before_anything_is_done(
    nika: Nika, write: Write, folder: Path
) -> None:
    write(".nika", "in the way of the folder")
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    done = nika("run", "w.nika.yaml")
    assert (done.code, done.out) == (0, "hi\n")
    lines = done.err.splitlines()
    assert "has no history and cannot be resumed" in lines[0]
    assert lines[1].startswith("▶ a")
    assert "has no history and cannot be resumed" in lines[-1]


def test_a_history_that_is_removed_while_its_run_goes_on_is_told_and_offered_to_nobody(
    nika: Nika, write: Write, folder: Path
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: rm -r .nika; exit 3}\n")
    done = nika("run", "w.nika.yaml")
    assert done.code == 1
    assert f"the run's history is gone: something has removed {folder / '.nika'}" in done.err
    assert "nika resume" not in done.err


@pytest.mark.parametrize("format_", ["pretty", "json", "jsonl"])
def test_no_form_of_output_has_a_control_code_that_a_terminal_would_obey(
    nika: Nika, write: Write, format_: str
) -> None:
    write("f.py", "def go():\n    return {'text': '\\x1b[2J\\x9b2J\\x7f\\u202egnp.exe'}\n")
    write("w.nika.yaml", "tasks:\n  - {id: a, function: {reference: f.py::go}}\n")
    out = nika("run", "w.nika.yaml", "--format", format_).out
    assert not [char for char in out if unicodedata.category(char) in {"Cc", "Cf"} and char != "\n"]
    last = json.loads(out.splitlines()[-1] if format_ == "jsonl" else out)
    result = {"pretty": lambda: last, "json": lambda: last["output"], "jsonl": lambda: last["data"]["output"]}[
        format_
    ]()
    assert result == {"text": "\x1b[2J\x9b2J\x7f\u202egnp.exe"}


@pytest.mark.parametrize(
    ("variable", "value", "command", "told"),
    [
        ("NIKA_SHELL_TIMEOUT", "300ms", "sleep 600", "did not end within 0.3 s"),
        ("NIKA_SHELL_TIMEOUT", "20s", "echo in time", "in time"),
        ("NIKA_MAX_SHELL", "1KB", "printf %01100d 0", "TRUNCATED: "),
        ("NIKA_MAX_SHELL", "1KB", "printf %0100d 0", "0" * 100),
    ],
)
def test_a_keywords_limits_hold_for_it_as_a_tool_although_no_task_is_of_it(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, command: str, told: str
) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock, provider: mock, systemPrompt: x, allowedTools: [shell]}
        tasks:
          - {id: a, agent: do it}
        """,
    )
    call = {"name": "shell", "arguments": {"command": command}}
    replies = [{"when": {"turn": 0}, "toolCalls": [call]}, {"when": {"contains": told}, "text": "as told"}]
    write("script.json", json.dumps(replies))
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", "script.json")
    monkeypatch.setenv(variable, value)
    done = nika("run", "w.nika.yaml", "--no-journal")
    assert (done.code, done.out) == (0, "as told\n"), done.err


def test_no_journal_leaves_nothing_behind(nika: Nika, write: Write, folder: Path) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    assert nika("run", "w.nika.yaml", "--no-journal").code == 0
    assert sorted(os.listdir(folder)) == ["w.nika.yaml"]


def test_mock_plays_every_keyword_without_any_effect(nika: Nika, write: Write, folder: Path) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: claude-sonnet-5}
        tasks:
          - {id: a, shell: touch effect}
          - {id: b, http: "https://example.com/"}
          - {id: c, llm: "hello {{b}}", output: {format: json, schema: {type: object, required: [n],
              properties: {n: {type: integer}}}}}
          - {id: d, shell: "echo {{c.n}}"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--mock", "--no-journal", "--format", "json")
    assert done.code == 0, done.err
    assert not (folder / "effect").exists()


def test_a_missing_key_is_told_before_anything_runs(nika: Nika, write: Write, folder: Path) -> None:
    write(
        "w.nika.yaml",
        'agent: {model: claude-sonnet-5}\ntasks:\n  - {id: a, shell: touch effect}\n  - {id: b, llm: "hi {{a}}"}\n',
    )
    done = nika("run", "w.nika.yaml")
    assert done.code == 2
    assert "ANTHROPIC_API_KEY" in done.err
    assert "NIKA-077" in done.err
    assert not (folder / "effect").exists()


def test_the_log_has_a_structured_line_for_every_event_and_no_secret(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_LOG", "json")
    monkeypatch.setenv("ACME_TOKEN", "tops3cret-value")
    write("w.nika.yaml", 'tasks:\n  - {id: a, shell: "echo $ACME_TOKEN >&2; exit 1", retry: {max: 1}}\n')
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 1
    assert done.json["status"] == "failed"
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert next(line["event"] for line in lines) == "run.started"
    (failed,) = [line for line in lines if line["event"] == "task.failed"]
    assert (failed["level"], failed["task"]) == ("warning", "a")
    assert "tops3cret" not in done.err
    monkeypatch.setenv("NIKA_LOG", "text")
    assert "event='task.failed'" in nika("run", "w.nika.yaml").err
    monkeypatch.setenv("NIKA_LOG", "xml")
    assert nika("run", "w.nika.yaml").code == 2
