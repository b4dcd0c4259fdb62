"""Signals that cannot be delivered are refused, with the reason and the fix."""

from __future__ import annotations

import json

import pytest

import nika_core as nika
from nika_core import codes

from .conftest import Project


@pytest.fixture
def paused(project: Project) -> str:
    """A run in which `ask` waits and `done` has ended."""
    project.write(
        """\
        - {id: done, shell: "true"}
        - {id: ask, callback: k}
        - {id: later, shell: "echo {{ask.received}}"}
        """
    )
    return str(project.nika("run", "w.nika.yaml", "--format", "json").json["runId"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("last", "ask", "{no"), "the signal cannot be used: not JSON"),
        (("last", "ask", "NaN"), "the signal cannot be used"),
        (("last", "ask", "[" * 5000 + "]" * 5000), "nested"),
        (("20", "nope"), "has no task 'nope'"),
        (("last", "aks"), "did you mean 'ask'?"),
        (("last", "ask.3"), "has no task 'ask[3]'"),
        (("last", "a b"), "'a b' is not a task of a run"),
        (("nope", "ask"), "There is no run 'nope' here"),
        (("last", "done"), "'done' has succeeded: it waits for nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(project: Project, paused: str, arguments: tuple[str, ...], told: str) -> None:
    refused = project.nika("signal", *arguments)
    assert refused.code == 2, refused.err
    assert told in refused.err
    assert project.nika("resume", paused).code == 4  # nothing was delivered


def test_a_payload_that_is_too_large_is_refused(project: Project, paused: str) -> None:
    project.environ["NIKA_MAX_OUTPUT"] = "1kB"
    refused = project.nika("signal", paused, "ask", json.dumps("x" * 2000))
    assert refused.code == 2
    assert "the signal's payload has 2002 bytes, and NIKA_MAX_OUTPUT allows" in refused.err


def test_a_secret_is_not_put_into_the_history(project: Project, paused: str) -> None:
    project.environ["ACME_API_KEY"] = "s3cret-of-acme-42"
    refused = project.nika("signal", paused, "ask", '{"key": "s3cret-of-acme-42"}')
    assert refused.code == 2
    assert "contains a secret" in refused.err
    assert b"s3cret-of-acme-42" not in (project.folder / ".nika" / "journal.db").read_bytes()


def test_the_first_signal_counts_and_the_same_again_changes_nothing(project: Project, paused: str) -> None:
    assert project.nika("signal", paused, "ask", '{"a": 1, "b": 2}').code == 0
    again = project.nika("signal", paused, "ask", '{"b": 2, "a": 1}')
    assert again.code == 0
    assert "'ask' was given the signal before, and nothing has changed" in again.err
    other = project.nika("signal", paused, "ask", "3")
    assert other.code == 2
    assert "'ask' was given another signal at 20" in other.err
    assert '{"a": 1, "b": 2}' in other.err
    assert project.nika("resume", paused, "--format", "json").tasks["ask"]["output"] == {"received": {"a": 1, "b": 2}}


def test_a_run_that_has_ended_takes_no_signal(project: Project, paused: str) -> None:
    project.nika("signal", paused, "ask")
    assert project.nika("resume", paused).code == 0
    refused = project.nika("signal", paused, "later")
    assert refused.code == 2
    assert f"the run {paused} has succeeded: nothing in it waits" in refused.err


def test_programs_send_signals_by_the_public_face(project: Project, paused: str) -> None:
    sent = nika.signal("last", "ask", {"ok": True}, folder=project.folder)
    assert sent == nika.SentSignal(paused, "ask", "paused")
    assert nika.signal(paused, "ask", {"ok": True}, folder=project.folder).repeated
    with pytest.raises(nika.UsageError) as caught:
        nika.signal(paused, "ask", float("nan"), folder=project.folder)
    assert "not JSON" in caught.value.message
    with pytest.raises(nika.UsageError) as caught:
        nika.signal(paused, "ask", {"ok": False}, folder=project.folder)
    assert caught.value.code == codes.SIGNAL_REFUSED
    done = project.nika("resume", paused, "--format", "json")
    assert done.tasks["ask"]["output"] == {"received": {"ok": True}}
    (run,) = nika.runs.list(folder=project.folder)
    assert (run.status, run.tasks) == ("succeeded", ())
