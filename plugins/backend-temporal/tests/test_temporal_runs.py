"""Runs on a real server: parity, kills, cancellation, sizes, and errors that a user can fix."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nika_core.testing import backend_checks
from nika_core.testing.backend_checks import BackendRuns

pytestmark = pytest.mark.beside
NIKA = str(Path(sys.executable).with_name("nika"))


def workflow(folder: Path, text: str) -> str:
    """Write a workflow, and return its file's name."""
    (folder / "w.nika.yaml").write_text(text)
    return "w.nika.yaml"


GRAPH = """
name: graph
tasks:
  - id: first
    shell: 'echo START first >> LOG; echo END first >> LOG'
  - id: many
    forEach: [1, 2, 3, 4, 5, 6]
    shell: 'echo START ${each.item} >> LOG; sleep 1; echo END ${each.item} >> LOG; echo done ${each.item}'
  - id: last
    shell: 'echo START last >> LOG; echo END last >> LOG'
flows:
  - {source: first, target: many}
  - {source: many, target: last}
"""


def submitted(folder: Path, url: str, name: str, *options: str) -> subprocess.Popen[str]:
    """Start `nika run --on` in the background."""
    return subprocess.Popen(
        [NIKA, "run", "--on", url, name, "--format", "json", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def test_a_killed_worker_is_noticed_and_what_had_ended_is_not_done_again(
    own_namespace: Any, workers: Any, folder: Path, until: Any
) -> None:
    log = folder / "log"
    first, second = workers.start_several({}, {}, options=("--concurrency", "3"))
    run = submitted(folder, own_namespace.url, workflow(folder, GRAPH.replace("LOG", str(log))))
    until(lambda: sum(line.startswith("START") for line in lines(log)) >= 4, "the start of the items")

    first.kill()
    out, err = run.communicate(timeout=90)

    assert run.returncode == 0, err
    assert second.popen.poll() is None
    ends = [line for line in lines(log) if line.startswith("END")]
    assert sorted(set(ends)) == sorted(["END first", "END last", *(f"END {n}" for n in range(1, 7))])
    assert ends.count("END first") == 1  # it had ended before the kill
    assert json.loads(out)["tasks"][1]["output"] == [f"done {n}" for n in range(1, 7)]


def test_client_workers_and_server_are_killed_and_the_run_goes_on(
    own_server: Any, workers: Any, nika: Any, folder: Path, until: Any
) -> None:
    log = folder / "log"
    before = workers.start_several({}, {})
    run = submitted(folder, own_server.url, workflow(folder, GRAPH.replace("LOG", str(log))))
    until(lambda: "START 1" in lines(log), "the start of an item")

    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    for worker in before:
        worker.kill()
    own_server.kill()
    own_server.start()
    workers.start()
    attached = nika("runs", "attach", "last", "--on", own_server.url, "--format", "json", folder=folder)

    assert attached.returncode == 0, attached.stderr
    result = json.loads(attached.stdout)
    assert [task["state"] for task in result["tasks"]] == ["success"] * 3
    assert lines(log).count("END first") == 1
    assert lines(log)[-1] == "END last"


def test_a_question_is_open_over_a_restart_of_the_worker_and_a_run_that_has_ended_needs_none(
    own_namespace: Any, workers: Any, nika: Any, folder: Path
) -> None:
    worker = workers.start()
    name = workflow(folder, backend_checks.ASKING)
    asked = nika("run", "--on", own_namespace.url, name, "--format", "json", folder=folder)
    run_id = json.loads(asked.stdout)["runId"]
    worker.kill()
    other = workers.start()

    answered = nika("answer", "--on", own_namespace.url, run_id, "approve", "yes", folder=folder)
    ended = nika("runs", "attach", run_id, "--on", own_namespace.url, "--format", "jsonl", folder=folder)
    other.kill()
    without = nika("runs", "attach", run_id, "--on", own_namespace.url, "--format", "jsonl", folder=folder)
    *events, result = map(json.loads, ended.stdout.splitlines())

    assert asked.returncode == 4
    assert json.loads(asked.stdout)["questions"][0]["task"] == "approve"
    assert answered.returncode == 0, answered.stderr
    assert result["data"]["tasks"][1]["output"] == "the answer is true"
    assert "task.succeeded" in [event["event"] for event in events]
    assert without.stdout == ended.stdout


def test_cancelling_ends_the_process_group_on_the_worker(
    server: Any, worker: Any, nika: Any, folder: Path, until: Any
) -> None:
    child = folder / "child"
    text = f"""
tasks:
  - id: long
    shell: 'sleep 600 & echo $! > {child}; wait'
    timeout: 20m
"""
    run = submitted(folder, server.url, workflow(folder, text))
    until(lambda: child.exists() and child.read_text().strip(), "the start of the process")
    pid = int(child.read_text())

    nika("runs", "cancel", "last", "--on", server.url, folder=folder)
    out, _ = run.communicate(timeout=60)

    assert run.returncode == 130
    assert json.loads(out)["status"] == "cancelled"
    until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the process")


def test_a_worker_that_is_told_to_end_lets_its_tasks_end(
    own_namespace: Any, workers: Any, folder: Path, until: Any
) -> None:
    log = folder / "log"
    worker = workers.start()
    text = f"tasks:\n  - id: slow\n    shell: 'echo START >> {log}; sleep 2; echo END >> {log}'\n"
    run = submitted(folder, own_namespace.url, workflow(folder, text))
    until(lambda: "START" in lines(log), "the start of the task")

    code = worker.terminate()
    done_when_it_ended = lines(log)
    workers.start()
    run.communicate(timeout=60)

    assert code == 0
    assert done_when_it_ended == ["START", "END"]
    assert run.returncode == 0
    assert lines(log) == ["START", "END"]


def test_a_keyword_that_no_worker_offers_is_told_at_once(
    own_namespace: Any, workers: Any, nika: Any, folder: Path
) -> None:
    workers.start("--keywords", "set,http")
    name = workflow(folder, "tasks:\n  - id: one\n    shell: echo 1\n")

    refused = nika("run", "--on", own_namespace.url, name, folder=folder)

    assert refused.returncode == 2
    assert "no worker offers `shell`" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_list_of_a_thousand_items(server: Any, worker: Any, folder: Path) -> None:
    items = json.dumps(list(range(1000)))
    text = f"tasks:\n  - id: many\n    forEach: {items}\n    set: 'item ${{each.item}}'\n  - id: shells\n"
    text += f"    forEach: {json.dumps(list(range(40)))}\n    shell: 'echo ${{each.item}}'\n"

    result = BackendRuns(server.url, folder).run(text)

    assert result.succeeded
    assert result.task("many").output == [f"item {n}" for n in range(1000)]
    assert result.task("shells").output == [str(n) for n in range(40)]


def test_a_large_input_needs_a_shared_folder_and_travels_by_it(
    own_namespace: Any, workers: Any, nika: Any, folder: Path
) -> None:
    shared = folder / "shared"
    shared.mkdir()
    (folder / "large.txt").write_text("x" * 3_000_000)
    text = "inputs: {text: {type: string}}\ntasks:\n  - id: size\n    shell: {command: wc -c, stdin: '${input.text}'}\n"
    name = workflow(folder, text)
    run = ("run", "--on", own_namespace.url, name, "-i", "text=@large.txt", "--format", "json")
    workers.start("--shared", str(shared))

    refused = nika(*run, folder=folder)
    done = nika(*run, "--shared", str(shared), folder=folder)

    assert refused.returncode == 2
    assert "--shared DIR" in refused.stdout + refused.stderr
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"][0]["output"] == "3000000"


def test_the_folder_of_the_run_needs_a_shared_folder(server: Any, worker: Any, nika: Any, folder: Path) -> None:
    text = "tasks:\n  - id: write\n    shell: 'echo 1 > ${run.folder}/one'\n"
    text += "  - id: there\n    shell: {command: ls, workingDir: sub}\n"

    refused = nika("run", "--on", server.url, workflow(folder, text), folder=folder)

    assert refused.returncode == 2
    assert "'write' (the run's folder); 'there' (`workingDir` is relative)" in refused.stderr


def test_a_secret_of_the_environment_does_not_travel(server: Any, worker: Any, nika: Any, folder: Path) -> None:
    name = workflow(folder, "tasks:\n  - id: show\n    shell: {command: 'true', env: {A: '${env.ACME_TOKEN}'}}\n")

    refused = nika("run", "--on", server.url, name, folder=folder, environ={"ACME_TOKEN": "s3cret-value"})

    assert refused.returncode == 2
    assert "ACME_TOKEN is a secret" in refused.stderr
    assert "s3cret-value" not in refused.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("temporal://127.0.0.1:1/default", "cannot be used"),
        ("{server}/../nowhere", "namespace"),
        ("temporal://127.0.0.1:7233/default?tls=perhaps", "neither yes nor no"),
        ("temporal://127.0.0.1:7233/default?cert=/dev/null", "belong together"),
        ("temporal://user:pass@127.0.0.1/default", "has a user or a password"),
        ("elsewhere://x", "no installed backend"),
    ],
)
def test_a_wrong_address_is_a_clear_error(server: Any, nika: Any, folder: Path, url: str, said: str) -> None:
    url = url.replace("{server}/../nowhere", server.url.replace("/default", "/nowhere"))
    name = workflow(folder, "tasks:\n  - id: one\n    shell: echo 1\n")

    refused = nika("run", "--on", url, name, folder=folder)

    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


OPTIONS = """
tasks:
  - {id: sure, ask: Sure?}
  - {id: one, shell: "sleep 600", timeout: 20m}
  - {id: two, shell: "exit 3"}
"""


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--timeout", "1s"), 1, "longer than 1 s"),
        (("--fail-fast",), 1, "two"),
        (("--mock", "--answers", "answers.yaml"), 0, ""),
        (("--no-journal",), 2, "--no-journal"),
        (("--record", "here"), 2, "--record"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_option_of_run_works_or_is_refused_by_its_name(
    server: Any, worker: Any, nika: Any, folder: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    (folder / "answers.yaml").write_text("sure: true\n")
    text = OPTIONS if "--mock" in options else OPTIONS.replace("  - {id: sure, ask: Sure?}\n", "")
    text = text if "--fail-fast" in options or "--mock" in options else text.replace("exit 3", "true")

    ended = nika("run", "--on", server.url, workflow(folder, text), *options, folder=folder)

    assert ended.returncode == code, ended.stderr
    assert said in ended.stdout + ended.stderr


def test_ctrl_c_detaches_and_twice_cancels_the_run(
    server: Any, worker: Any, nika: Any, folder: Path, until: Any
) -> None:
    child = folder / "child"
    text = f"tasks:\n  - id: long\n    shell: 'sleep 600 & echo $! > {child}; wait'\n    timeout: 20m\n"
    run = submitted(folder, server.url, workflow(folder, text))
    until(lambda: child.exists() and child.read_text().strip(), "the start of the process")
    pid = int(child.read_text())

    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    again = err.partition("to attach again: nika ")[2].split()
    goes_on = json.loads(
        nika("runs", "list", "--on", server.url, "--last", "1", "--format", "json", folder=folder).stdout
    )
    attached = subprocess.Popen(
        [NIKA, *again, "--format", "jsonl"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert attached.stdout is not None
    assert attached.stderr is not None
    attached.stdout.readline()  # it follows the run
    attached.send_signal(signal.SIGINT)
    assert "detaching" in attached.stderr.readline()
    attached.send_signal(signal.SIGINT)
    last_line = attached.communicate(timeout=60)[0].splitlines()[-1]
    listed = json.loads(
        nika("runs", "list", "--on", server.url, "--last", "1", "--format", "json", folder=folder).stdout
    )

    assert (run.returncode, out) == (130, "")
    assert [each["status"] for each in goes_on["runs"]] == ["running"]
    assert attached.returncode == 130
    assert json.loads(last_line)["data"]["status"] == "cancelled"
    assert [each["status"] for each in listed["runs"]] == ["cancelled"]
    assert listed["runs"][0]["runId"] == again[2]
    until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the process")


def test_a_list_of_runs_is_narrowed_on_a_backend_too(server: Any, worker: Any, nika: Any, folder: Path) -> None:
    (folder / "w.nika.yaml").write_text("name: narrowed\ntasks:\n  - {id: one, set: 1}\n")
    for _ in range(2):
        nika("run", "--on", server.url, "w.nika.yaml", folder=folder)

    def listed(*options: str) -> list[str]:
        shown = nika("runs", "list", "--on", server.url, *options, "--format", "json", folder=folder)
        return [run["workflow"] for run in json.loads(shown.stdout)["runs"]]

    assert listed("--workflow", "narrowed", "--newer-than", "1h") == ["narrowed"] * 2
    assert listed("--workflow", "narrowed", "--older-than", "1h") == []
    assert listed("--last", "1") == ["narrowed"]
    assert listed("--workflow", "narrowed", "--last", "1") == ["narrowed"]
