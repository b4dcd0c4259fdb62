"""What vendors are told of a run's cost centre: what their APIs have a place for, and only if the project says it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from nika_core.testing import RawServer

from .conftest import KEY, Nika, Wire, Write

LABELS = "labels: {costCentre: research, user: jane@acme.example}\n"
TASK = "agent: {{model: {model}, provider: {provider}, maxTokens: 50{more}}}\ntasks: [{{id: a, llm: hi}}]\n"


def sent(nika: Nika, write: Write, wire: Wire, project: str, more: str = "") -> Any:
    write("nika.yaml", project)
    write("w.nika.yaml", TASK.format(model=wire.model, provider=wire.provider, more=more))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    (body,) = [each.body for each in wire.mock.requests if each.body and "count_tokens" not in each.path]
    return body.get("metadata"), done.json["runId"]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_labels_reach_their_place_in_each_api(nika: Nika, write: Write, wire: Wire, api: str) -> None:
    if wire.provider == "claude":
        metadata, _ = sent(nika, write, wire, LABELS)
        assert metadata == {"user_id": hashlib.sha256(b"jane@acme.example").hexdigest()}
        return
    metadata, run = sent(nika, write, wire, LABELS, f", options: {{api: {api}}}")
    assert metadata == {"nika_run": run, "nika_task": "a", "costCentre": "research", "user": "jane@acme.example"}


def test_nothing_is_told_without_labels(nika: Nika, write: Write, wire: Wire) -> None:
    assert sent(nika, write, wire, "limits: {maxRetries: 1}\n")[0] is None


def test_a_secret_in_a_label_is_not_told(nika: Nika, write: Write, wire: Wire) -> None:
    project = f"labels: {{user: {KEY}, key: {KEY}}}\n"
    metadata, run = sent(nika, write, wire, project)
    if wire.provider == "claude":
        assert metadata == {"user_id": hashlib.sha256(b"***").hexdigest()}
    else:
        assert metadata == {"nika_run": run, "nika_task": "a", "user": "***", "key": "***"}


def test_labels_that_do_not_fit_are_left_out_with_a_warning(nika: Nika, write: Write, wire: Wire) -> None:
    if wire.provider == "claude":
        return
    many = ", ".join(f"l{number}: x" for number in range(15))
    write("nika.yaml", f"labels: {{long: {'x' * 513}, {many}}}\n")
    write("w.nika.yaml", TASK.format(model=wire.model, provider=wire.provider, more=""))
    done = nika("run", "w.nika.yaml")
    assert "not sent: long, l14" in done.err
    assert len(wire.calls[0]["metadata"]) == 16


def test_a_server_that_takes_no_labels_is_asked_without_them(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("nika.yaml", f"{LABELS}prices: {{m: {{inputPerMillion: 1, outputPerMillion: 1}}}}\n")
    write("w.nika.yaml", TASK.format(model="m", provider="openai", more=""))
    with RawServer() as server:
        server.status(422, {"detail": [{"loc": ["body", "metadata"], "msg": "Extra inputs are not permitted"}]})
        server.status(200, {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]})
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        done = nika("run", "w.nika.yaml")
    assert (done.code, done.out.strip()) == (0, "Yes.")
    assert [("metadata" in request.body) for request in server.requests] == [True, False]
    assert "the labels of the project are not sent to it" in done.err
