"""The page of a run on a backend: as that of a run of this machine, and never in the way of others."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .far_runs import URL

if TYPE_CHECKING:
    from .conftest import Served


def read(served: Served, path: str) -> Any:
    status, _, body = served.ask(path)
    assert status == 200, body
    return json.loads(body)


def until(look: Callable[[], Any], holds: Callable[[Any], object], seconds: float = 60) -> Any:
    """Return what a look finds as soon as it is as expected."""
    end = time.monotonic() + seconds
    while not holds(found := look()):
        assert time.monotonic() < end, found
    return found


def state_of(run: Any, task: str) -> str:
    return next((row["state"] for row in run["tasks"] if row["id"] == task), "")


def shown(served: Served, workflow: str = "far") -> str:
    """Return the address of a run, as the list of runs has it."""
    return "/api/runs/" + next(run["runId"] for run in read(served, "/api/runs")["runs"] if run["workflow"] == workflow)


def test_a_run_on_a_backend_has_the_page_of_a_run_of_this_machine_and_is_answered_there(serve: Any, far: Path) -> None:
    served = serve(far)
    path = shown(served)
    run = until(lambda: read(served, path), lambda run: state_of(run, "sure") == "waiting")
    assert (run["status"], run["live"], run["backend"], run["notice"]) == ("running", True, URL, "")
    assert next(row for row in run["tasks"] if row["id"] == "many")["counts"] == {"success": 3}
    rows = read(served, f"{path}/children?id=many")["rows"]
    assert [(row["id"], row["calls"]) for row in rows] == [("many[0]", 1), ("many[1]", 1), ("many[2]", 1)]
    assert all(row["startedAt"] for row in read(served, f"{path}/timeline")["tasks"])
    assert [model["calls"] for model in read(served, f"{path}/spending")["models"]] == [3]
    graph = read(served, f"{path}/graph")
    assert ({node["id"] for node in graph["nodes"]}, graph["problem"]) == ({"many", "large", "sure", "end"}, "")

    task = read(served, f"{path}/task?id={quote('many[1]')}")
    assert (task["output"], task["modelCalls"][0]["model"]) == ("mock: Say two", "mock-small")
    assert task["definition"].startswith("- id: many")
    assert "task.succeeded" in [event["kind"] for event in task["events"]]
    assert read(served, f"{path}/task?id=large")["outputStart"]["length"] == 100_000
    assert read(served, f"{path}/output?id=large")["output"] == "x" * 100_000
    for part in ("payload", "conversations"):
        assert "keeps neither payloads nor conversations" in read(served, f"{path}/{part}?id=large")["problem"]

    (asked,) = read(served, f"/api/questions?run={path.rpartition('/')[2]}")["questions"]
    assert (asked["task"], asked["message"], asked["backend"]) == ("sure", "Go on?", URL)

    def answer(task: str, digest: str, answer: Any = True) -> tuple[int, str]:
        body = json.dumps({"task": task, "digest": digest, "answer": answer})
        status, _, text = served.ask(f"{path}/answer", "POST", body, content_type="application/json")
        return status, json.loads(text).get("problem", "")

    assert answer("end", asked["digest"]) == (409, "'end' asks nothing now")
    assert answer("sure", "another") == (409, "the answer is for another question than 'sure' asks now")
    assert answer("sure", asked["digest"], "perhaps")[0] == 409
    assert answer("sure", asked["digest"]) == (200, "")
    run = until(lambda: read(served, path), lambda run: run["status"] == "succeeded")
    assert (run["live"], state_of(run, "end"), run["usage"]["calls"]) == (False, "success", 3)
    assert read(served, f"/api/questions?run={run['runId']}")["questions"] == []
    assert answer("sure", asked["digest"])[0] == 409
    until(lambda: read(served, "/api/runs")["runs"][0]["status"], lambda status: status == "succeeded")


def test_a_backend_that_cannot_be_reached_is_said_until_it_can_and_holds_up_no_other_run(
    serve: Any, far: Path, place: Any
) -> None:
    place["away"] = "nobody listens there"
    served = serve(far)
    path = shown(served)
    run = until(lambda: read(served, path), lambda run: "nobody listens" in run["notice"])
    assert (run["workflow"], run["status"], run["tasks"]) == ("far", "running", [])
    assert "not known yet" in read(served, f"{path}/graph")["problem"]
    assert read(served, shown(served, "near"))["status"] == "succeeded"
    place["away"] = ""
    run = until(lambda: read(served, path), lambda run: not run["notice"] and state_of(run, "sure") == "waiting")
    place["away"] = "nobody listens any more"
    run = until(lambda: read(served, path), lambda run: "any more" in run["notice"])
    assert state_of(run, "sure") == "waiting"  # what is known stays


def test_a_backend_that_never_answers_holds_up_neither_its_page_nor_others_nor_the_end(
    far: Path, place: Any, serve: Any
) -> None:
    place["silent"] = True
    served = serve(far)
    path = shown(served)
    assert read(served, path)["notice"] == f"waiting for an answer of {URL}"
    assert read(served, path)["live"]
    assert read(served, shown(served, "near"))["status"] == "succeeded"


def test_a_run_is_followed_no_longer_once_the_last_page_is_closed(serve: Any, far: Path) -> None:
    from http.client import HTTPConnection

    def followed() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == f"follow {run}"]

    served = serve(far)
    path = shown(served)
    run = path.rpartition("/")[2]
    connection = HTTPConnection(served.host, timeout=60)
    connection.request("GET", "/api/changes", headers={"Authorization": f"Bearer {served.token}"})
    assert connection.getresponse().readline().startswith(b"data: ")
    until(lambda: read(served, path), lambda run: state_of(run, "sure") == "waiting")
    assert followed()
    connection.close()
    until(followed, lambda names: not names)
    assert until(lambda: read(served, path), lambda run: state_of(run, "sure") == "waiting")["live"]
