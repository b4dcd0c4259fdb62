"""The server as a program meets it: who is answered, and with what."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from nika_command_ui.access import POLICY

import nika_core as nika

if TYPE_CHECKING:
    from .conftest import Served
from .conftest import WORKFLOW, run_nika


def read(served: Served, path: str) -> Any:
    status, _, body = served.ask(path)
    assert status == 200, body
    return json.loads(body)


@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        ({"authorization": ""}, 401, "token is missing"),
        ({"authorization": "Bearer wrong"}, 401, "token is missing"),
        ({"authorization": "Bearer \u00fc"}, 401, "token is missing"),
        ({"authorization": "", "cookie": "nika-ui-1=x; ;=;"}, 401, "token is missing"),
        ({"host": "evil.example"}, 403, "another name"),
        ({"host": "localhost"}, 403, "another name"),
        ({"origin": "http://evil.example"}, 403, "another origin"),
        ({"origin": "null"}, 403, "another origin"),
        ({"sec_fetch_site": "cross-site"}, 403, "another site"),
    ],
)
def test_a_request_without_the_token_or_from_elsewhere_is_refused(
    served: Served, headers: dict[str, str], status: int, word: str
) -> None:
    for path in ("/", "/api/runs", "/app.js"):
        found, received, body = served.ask(path, **headers)
        assert (found, word in body) == (status, True), (path, body)
        assert received["content-security-policy"] == POLICY


def test_a_wrong_token_in_the_address_is_refused(served: Served) -> None:
    status, _, body = served.ask("/?token=wrong", authorization="")
    assert (status, "the token is wrong" in body) == (401, True)


def test_the_token_goes_from_the_address_into_a_cookie_that_no_script_and_no_other_site_has(served: Served) -> None:
    status, headers, _ = served.ask(f"/?token={served.token}", authorization="")
    assert (status, headers["location"]) == (303, "/")
    assert "HttpOnly" in headers["set-cookie"]
    assert "samesite=strict" in headers["set-cookie"].lower()
    cookie = headers["set-cookie"].partition(";")[0]
    assert served.ask("/api/runs", authorization="", cookie=cookie)[0] == 200


def test_it_listens_on_this_machine_only(served: Served) -> None:
    assert served.host.startswith("127.0.0.1:")
    with (
        pytest.raises(OSError, match=r"refused|reach"),
        socket.create_connection(("127.0.0.2", int(served.host.split(":")[1])), 5),
    ):
        pass


def test_a_port_that_is_taken_is_a_clear_error(served: Served, tmp_path: Path) -> None:
    port = served.host.split(":")[1]
    failed = run_nika(tmp_path, "ui", "--port", port)
    assert failed.returncode == 2
    assert f"port {port} is taken" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    "path", ["/../plugin.py", "/%2e%2e/plugin.py", "/vendor/../../plugin.py", "/nothing.js", "/vendor", "//etc/passwd"]
)
def test_no_file_but_those_of_the_page_is_served(served: Served, path: str) -> None:
    assert served.ask(path)[0] == 404


def test_a_run_is_shown_with_its_lists_folded(served: Served) -> None:
    run = read(served, "/api/runs/last")
    rows = {row["id"]: row for row in run["tasks"]}
    assert (rows["many"]["total"], rows["many"]["counts"], rows["many"]["children"]) == (3, {"success": 3}, "items")
    assert "many[0]" not in json.dumps(run["tasks"])
    assert (rows["bad"]["state"], rows["bad"]["code"]) == ("failed", "NIKA-080")
    page = read(served, "/api/runs/last/children?id=many&offset=1&limit=1")
    assert (page["total"], [row["id"] for row in page["rows"]]) == (3, ["many[1]"])
    assert page["rows"][0]["startedAt"] <= page["rows"][0]["endedAt"]


def test_a_task_has_its_definition_its_output_and_its_calls(served: Served) -> None:
    task = read(served, "/api/runs/last/task?id=many%5B0%5D")
    assert task["definition"].startswith("- id: many\n  forEach:")
    assert task["output"].startswith("mock: Say one about a much longer")
    assert [call["model"] for call in task["modelCalls"]] == ["mock-small"]
    assert task["modelCalls"][0]["outputTokens"] > 0


def test_a_task_has_the_payload_that_it_was_given_or_the_reason_why_it_is_not_known(served: Served) -> None:
    given = read(served, "/api/runs/last/payload?id=many%5B0%5D")
    assert given["payload"]["prompt"].startswith("Say one about a much longer")
    group = read(served, "/api/runs/last/payload?id=many")
    assert (group["payload"], "stands for others" in group["problem"]) == (None, True)
    assert served.ask("/api/runs/last/payload?id=nothing")[0] == 409


def test_two_runs_are_compared_with_the_reason_for_the_difference(served: Served) -> None:
    after, before = (run["runId"] for run in read(served, "/api/runs")["runs"])
    found = read(served, f"/api/compare?before={before}&after={after}")
    assert found["after"]["totalTokens"] > found["before"]["totalTokens"]
    assert found["tasks"][0]["id"] == "many"
    assert any("input tokens a call" in reason for reason in found["tasks"][0]["reasons"])
    assert [row["name"] for row in found["inputs"]] == ["topic"]
    assert found["definition"] == []
    (model,) = found["models"]
    assert (model["model"], model["before"]["calls"], model["after"]["calls"]) == ("mock-small", 3, 3)
    assert model["after"]["inputTokens"] > model["before"]["inputTokens"]


def test_the_graph_has_the_tasks_with_their_states_and_edges(served: Served) -> None:
    graph = read(served, "/api/runs/last/graph")
    assert {node["id"]: node["state"] for node in graph["nodes"]}["sure"] == "waiting"
    assert {(edge["source"], edge["target"]) for edge in graph["edges"]} >= {
        ("words", "many"),
        ("bad", "sure"),
        ("many", "sure"),
    }


def test_spending_is_told_by_model(served: Served) -> None:
    models = read(served, "/api/runs/last/spending")["models"]
    assert [(row["model"], row["calls"]) for row in models] == [("mock-small", 3)]


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/api/runs/nothing", "There is no run 'nothing'"),
        ("/api/runs/last/task?id=nothing", "no such task"),
        ("/api/runs/last/task", "no such task"),
        ("/api/runs/last/output?id=nothing", "no such task"),
        ("/api/runs/last/children?id=%00", "no such task"),
        ("/api/compare?before=last&after=x", "There is no run 'x'"),
        ("/api/nothing", "no such page"),
    ],
)
def test_what_is_not_there_is_said(served: Served, path: str, word: str) -> None:
    status, _, body = served.ask(path)
    assert (status, word in json.loads(body)["problem"]) == (404, True), body


@pytest.mark.parametrize("number", ["-1", "x", "99999999999999999999", "\u0663"])
def test_an_odd_number_in_an_address_is_no_error(served: Served, number: str) -> None:
    assert served.ask(f"/api/runs/last/children?id=many&offset={quote(number)}&limit={quote(number)}")[0] == 200


@pytest.mark.parametrize(
    ("body", "kind", "status", "word"),
    [
        ("{", "application/json", 409, "not JSON"),
        ("[" * 100_000, "application/json", 409, "not JSON"),
        ("[]", "application/json", 409, "JSON object"),
        ("{}", "application/json", 400, "`task`, `digest` and `answer`"),
        ('{"task": "sure", "digest": "x", "answer": true}', "text/plain", 409, "application/json"),
        ('{"task": "sure", "digest": "x", "answer": true}', "application/json", 409, ""),
        ('{"task": "bad", "digest": "x", "answer": true}', "application/json", 409, "bad"),
        (json.dumps({"task": "sure", "digest": "x", "answer": "a" * 2_000_000}), "application/json", 409, "bytes"),
    ],
)
def test_an_answer_that_cannot_be_taken_is_refused_with_the_reason(
    served: Served, body: str, kind: str, status: int, word: str
) -> None:
    found, _, text = served.ask("/api/runs/last/answer", "POST", body, content_type=kind)
    assert (found, word in json.loads(text)["problem"]) == (status, True), text
    assert len(read(served, "/api/questions")["questions"]) == 2


def test_a_run_that_is_removed_while_it_is_shown_is_gone_and_no_other(served: Served) -> None:
    (served.folder / "other.nika.yaml").write_text(WORKFLOW.replace("name: demo", "name: other"))
    nika.run(served.folder / "other.nika.yaml")
    run = read(served, "/api/runs/last")
    assert run["workflow"] == "other"
    nika.runs.remove(run["runId"], folder=served.folder)
    status, _, body = served.ask(f"/api/runs/{run['runId']}")
    assert (status, "There is no run" in body) == (404, True)
    assert read(served, "/api/runs/last")["workflow"] == "demo"


def test_fifty_open_pages_are_told_of_a_change(served: Served) -> None:
    def follow(_: int) -> list[bytes]:
        connection = HTTPConnection(served.host, timeout=60)
        connection.request("GET", "/api/changes", headers={"Authorization": f"Bearer {served.token}"})
        response = connection.getresponse()
        told = [response.readline()]
        ready.append(1)
        response.readline()
        told.append(response.readline())
        connection.close()
        return told

    ready: list[int] = []
    with ThreadPoolExecutor(51) as pool:
        pages = [pool.submit(follow, number) for number in range(50)]
        while len(ready) < 50:
            assert read(served, "/api/runs")["runs"]
        run = nika.run(served.folder / "demo.nika.yaml").run_id
        assert all(told[0] != told[1] and told[1].startswith(b"data: ") for told in (page.result(60) for page in pages))
    nika.runs.remove(run, folder=served.folder)


def test_a_damaged_history_is_said_and_harms_no_other_page(serve: Any, tmp_path: Path) -> None:
    (tmp_path / "demo.nika.yaml").write_text(WORKFLOW)
    nika.run(tmp_path / "demo.nika.yaml")
    served = serve(tmp_path)
    assert read(served, "/api/runs/last")["workflow"] == "demo"
    for path in tmp_path.rglob("*.db*"):
        path.write_bytes(b"not a database at all" * 100)
    status, _, body = served.ask("/api/runs/last")
    assert status in {404, 422}, body
    assert json.loads(body)["problem"]
    assert served.ask("/app.js")[0] == 200


def test_a_folder_without_runs_has_an_empty_list(serve: Any, tmp_path: Path) -> None:
    assert read(serve(tmp_path), "/api/runs") == {"project": str(tmp_path.resolve()), "runs": []}


def test_it_ends_at_sigterm_with_pages_open(serve: Any, tmp_path: Path) -> None:
    import signal
    import subprocess
    import sys

    nika = Path(sys.executable).with_name("nika")
    with subprocess.Popen(
        [nika, "ui"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        host, _, token = address.removeprefix("http://").partition("/?token=")
        connection = HTTPConnection(host, timeout=60)
        connection.request("GET", "/api/changes", headers={"Authorization": f"Bearer {token}"})
        assert connection.getresponse().readline().startswith(b"data: ")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        connection.close()
    assert "Traceback" not in errors


def test_a_task_has_its_conversations_with_models(served: Served) -> None:
    (found,) = read(served, "/api/runs/last/conversations?id=many%5B0%5D")["conversations"]
    assert found["task"] == "many[0]"
    assert [turn["role"] for turn in found["turns"]] == ["user", "assistant"]
    assert found["turns"][0]["text"].startswith("Say one about a much longer")


def test_what_is_read_in_several_pieces_is_whole(serve: Any, tmp_path: Path) -> None:
    items = list(range(1000))
    tasks = [f"  - {{id: {name}, forEach: {items}, set: '${{each.item}}'}}\n" for name in ("first", "second")]
    (tmp_path / "many.nika.yaml").write_text("name: many\ntasks:\n" + "".join(tasks))
    nika.run(tmp_path / "many.nika.yaml")
    events = nika.runs.events("last", folder=tmp_path)
    assert len(nika.runs.follow("last", folder=tmp_path).poll().events) < len(events)  # one piece
    served = serve(tmp_path)
    last = next(event.task for event in reversed(events) if event.task and "[" in event.task)
    task = read(served, f"/api/runs/last/task?id={quote(last)}")
    assert [event["kind"] for event in task["events"]] == ["task.ready", "task.started", "task.succeeded"]
