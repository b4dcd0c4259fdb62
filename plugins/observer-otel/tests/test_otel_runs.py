"""Real runs, as a collector receives them over OTLP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Collector, attributes_of, collecting

NIKA = str(Path(sys.executable).with_name("nika"))
WORKFLOW = """
agent: {provider: mock, model: echo}
tasks:
  - {id: flaky, shell: exit 3, retry: {max: 2, backoff: 1ms}, onError: {value: lost}}
  - id: each
    forEach: [one, two]
    llm: "Say ${each.item}"
  - {id: never, when: "{{flaky}} == 'found'", set: 1}
  - {id: traced, shell: {command: 'printf %s "$TRACEPARENT"'}}
outputs: {traced: "{{traced}}", each: "{{each}}", never: "{{never ?? 'no'}}"}
"""
STATUS_ERROR = 2


class Project:
    def __init__(self, folder: Path, collector: Collector) -> None:
        self.folder = folder
        self.environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "NIKA_TRUST": str(folder),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "LC_ALL": "C.UTF-8",
        }
        (folder / "nika.yaml").write_text("otel: {}\n")

    def write(self, text: str) -> None:
        (self.folder / "w.nika.yaml").write_text(text)

    def nika(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [NIKA, *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, text: str, *arguments: str, **environ: str) -> dict[str, Any]:
        self.write(text)
        done = self.nika("run", "w.nika.yaml", "--format", "json", *arguments, **environ)
        assert done.stdout, done.stderr
        return {**json.loads(done.stdout), "stderr": done.stderr}


@pytest.fixture
def project(tmp_path: Path, collector: Collector) -> Project:
    return Project(tmp_path, collector)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], Collector]]:
    """The result of one run of the workflow, and what was sent."""
    with collecting() as collector:
        yield Project(tmp_path_factory.mktemp("sent"), collector).run(WORKFLOW), collector


Sent = tuple[dict[str, Any], Collector]


def by_name(collector: Collector) -> dict[str, Any]:
    return {span.name: span for span in collector.spans}


def test_a_run_is_a_trace_with_a_span_for_each_attempt_call_and_item(sent: Sent) -> None:
    result, collector = sent

    assert result["status"] == "succeeded"
    spans, root = collector.spans, by_name(collector)["invoke_workflow w"]
    assert sorted(span.name for span in spans) == sorted(
        [
            "invoke_workflow w",
            "flaky",
            "flaky",
            "each",
            "each[0]",
            "each[1]",
            "chat echo",
            "chat echo",
            "never",
            "traced",
        ]
    )
    assert {span.trace_id for span in spans} == {root.trace_id}
    assert root.parent_span_id == b""
    ids = {span.span_id: span for span in spans}
    assert len(ids) == len(spans)
    around = {span.name: ids[span.parent_span_id].name for span in spans if span.parent_span_id}
    assert around["flaky"] == around["each"] == around["traced"] == around["never"] == "invoke_workflow w"
    assert around["each[0]"] == around["each[1]"] == "each"
    assert around["chat echo"].startswith("each[")
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)
    assert {each["service.name"] for each in collector.resources} == {"nika"}


def test_spans_have_the_names_of_the_conventions(sent: Sent) -> None:
    result, collector = sent

    spans = by_name(collector)
    root = attributes_of(spans["invoke_workflow w"].attributes)
    assert root["gen_ai.operation.name"] == "invoke_workflow"
    assert root["nika.run.id"] == result["runId"]
    assert root["nika.run.status"] == "succeeded"
    chat = attributes_of(spans["chat echo"].attributes)
    assert (chat["gen_ai.operation.name"], chat["gen_ai.provider.name"]) == ("chat", "mock")
    assert chat["gen_ai.response.model"] == "echo"
    assert chat["gen_ai.usage.input_tokens"] > 0
    assert chat["gen_ai.response.finish_reasons"] == ["end"]
    assert not any("messages" in name or "output" in name.split(".")[-1:] for name in chat)


def test_a_failed_attempt_is_an_error_with_the_users_sentence(sent: Sent) -> None:
    _, collector = sent

    first, second = (span for span in collector.spans if span.name == "flaky")
    assert (first.status.code, first.status.message) == (STATUS_ERROR, "the command failed with exit code 3")
    assert attributes_of(first.attributes)["error.type"] == "execution"
    assert attributes_of(first.attributes)["nika.task.attempt"] == 1
    assert attributes_of(second.attributes)["nika.task.attempt"] == 2


def test_a_command_is_given_the_span_of_its_attempt(sent: Sent) -> None:
    result, collector = sent

    span = by_name(collector)["traced"]
    assert result["output"]["traced"] == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


def test_a_run_that_was_started_in_a_trace_is_a_part_of_it(project: Project, collector: Collector) -> None:
    project.run(WORKFLOW, TRACEPARENT="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

    assert {span.trace_id.hex() for span in collector.spans} == {"0af7651916cd43dd8448eb211c80319c"}
    assert by_name(collector)["invoke_workflow w"].parent_span_id.hex() == "b7ad6b7169203331"


def test_a_resumed_run_links_to_the_part_before_it(project: Project, collector: Collector) -> None:
    run = project.run(WORKFLOW)["runId"]
    project.nika("resume", run, "--from", "traced")

    first, second = (span for span in collector.spans if span.name == "invoke_workflow w")
    assert [link.span_id for link in second.links] == [first.span_id]
    assert first.span_id != second.span_id


def test_outputs_and_conversations_are_sent_only_if_the_user_says_so_and_masked(
    project: Project, collector: Collector
) -> None:
    workflow = "agent: {provider: mock, model: echo}\ntasks:\n  - {id: talk, agent: 'The word is ${env.API_TOKEN}'}\n"
    secret = "very-secret-word"
    project.run(workflow, API_TOKEN=secret)
    told = b"".join(request.SerializeToString() for request in collector.traces)
    assert b"The word is" not in told

    collector.traces.clear()
    project.run(workflow, API_TOKEN=secret, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="SPAN_ONLY")

    talk = attributes_of(by_name(collector)["talk"].attributes)
    [asked] = json.loads(talk["gen_ai.input.messages"])
    assert asked == {"role": "user", "parts": [{"type": "text", "content": "The word is ***"}]}
    assert json.loads(talk["gen_ai.output.messages"])[0]["role"] == "assistant"
    chat = attributes_of(by_name(collector)["chat echo"].attributes)
    assert json.loads(chat["gen_ai.input.messages"]) == [asked]
    [answered] = json.loads(chat["gen_ai.output.messages"])
    assert (answered["role"], answered["parts"][0]["type"], answered["finish_reason"]) == ("assistant", "text", "end")
    assert secret.encode() not in b"".join(request.SerializeToString() for request in collector.traces)


def test_a_span_of_a_call_has_what_is_new_in_its_request_and_that_of_a_tool_what_it_gave(
    project: Project, collector: Collector
) -> None:
    (project.folder / "f.py").write_text("def give(n: int) -> str:\n    return f'item {n}'\n")
    call = {"name": "f_give", "arguments": {"n": 4}}
    script = [{"text": "I look.", "toolCalls": [call]}, {"text": "Done."}]
    (project.folder / "script.json").write_text(json.dumps(script))
    agent = "{provider: mock, model: mock, systemPrompt: Be brief., allowedTools: ['function::f.py::give']}"
    project.run(
        f"agent: {agent}\ntasks:\n  - {{id: talk, agent: Go.}}\n",
        NIKA_MOCK_SCRIPT="script.json",
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="SPAN_ONLY",
    )
    chats = [attributes_of(span.attributes) for span in collector.spans if span.name == "chat mock"]
    first, second = sorted(chats, key=lambda chat: "gen_ai.system_instructions" not in chat)
    assert json.loads(first["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(first["gen_ai.output.messages"])[0]["parts"][1]["name"] == "f_give"
    [told] = json.loads(second["gen_ai.input.messages"])
    assert (told["role"], told["parts"][0]["type"], told["parts"][0]["response"]) == (
        *("tool", "tool_call_response", "item 4"),
    )
    tool = attributes_of(by_name(collector)["execute_tool function::f.py::give"].attributes)
    assert (json.loads(tool["gen_ai.tool.call.arguments"]), tool["gen_ai.tool.call.result"]) == ({"n": 4}, "item 4")


def test_metrics_count_runs_tasks_tokens_and_time(sent: Sent) -> None:
    _, collector = sent

    assert collector.points("nika.runs") == [({"nika.workflow": "w", "nika.run.status": "succeeded"}, 1)]
    tasks = {(a["nika.task.keyword"], a["nika.task.state"]): n for a, n in collector.points("nika.tasks")}
    assert tasks == {("shell", "success"): 2, ("llm", "success"): 3, ("set", "skipped"): 1}
    [(about, calls)] = [
        each
        for each in collector.points("gen_ai.client.operation.duration")
        if each[0]["gen_ai.operation.name"] == "chat"
    ]
    assert (about["gen_ai.provider.name"], calls) == ("mock", 2)
    [(about, tokens)] = collector.points("gen_ai.client.inference.usage.input_tokens")
    assert tokens > 0
    assert about["gen_ai.token.modality"] == "unknown"


def test_a_collector_that_refuses_is_a_warning_and_the_run_succeeds(project: Project, collector: Collector) -> None:
    collector.status = 400
    result = project.run("tasks:\n  - {id: a, set: 1}\n")

    assert result["status"] == "succeeded"
    assert result["stderr"].count("observer 'otel'") == 1
    assert "Bad Request" in result["stderr"] or "400" in result["stderr"]
    assert "Traceback" not in result["stderr"]


def test_a_collector_that_hangs_is_not_waited_for_beyond_its_time(project: Project, collector: Collector) -> None:
    collector.hangs.clear()
    result = project.run(
        "tasks:\n  - {id: a, set: 1}\n", OTEL_EXPORTER_OTLP_TIMEOUT="0.3", OTEL_METRICS_EXPORTER="none"
    )

    assert result["status"] == "succeeded"
    assert result["stderr"].count("observer 'otel'") == 1


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER is `console`"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`"),
        ({"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL is `grpc`"),
    ],
)
def test_what_it_cannot_do_is_said_with_the_variable(
    project: Project, collector: Collector, variables: dict[str, str], told: str
) -> None:
    result = project.run("tasks:\n  - {id: a, set: 1}\n", **variables)

    assert result["status"] == "succeeded"
    assert told in result["stderr"]
    assert not collector.traces


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
        {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_METRICS_EXPORTER": "none"},
        {
            "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "OTEL_METRICS_EXPORTER": "none",
        },
    ],
)
def test_nothing_is_sent_if_the_user_wants_nothing(
    project: Project, collector: Collector, variables: dict[str, str]
) -> None:
    result = project.run("tasks:\n  - {id: a, set: 1}\n", **variables)

    assert result["status"] == "succeeded"
    assert not collector.traces
    assert "otel" not in result["stderr"]


def test_the_users_own_headers_and_service_name_are_sent(project: Project, collector: Collector) -> None:
    project.run(
        "tasks:\n  - {id: a, set: 1}\n",
        OTEL_EXPORTER_OTLP_HEADERS="x-tenant=ours",
        OTEL_SERVICE_NAME="night-jobs",
    )

    assert collector.headers.get("x-tenant") == "ours"
    assert {each["service.name"] for each in collector.resources} == {"night-jobs"}


def test_a_failed_run_is_an_error_with_its_tasks(project: Project, collector: Collector) -> None:
    project.run("tasks:\n  - {id: a, shell: exit 1}\n  - {id: b, set: '{{a}}'}\n")

    spans = by_name(collector)
    assert spans["invoke_workflow w"].status.code == STATUS_ERROR
    assert attributes_of(spans["invoke_workflow w"].attributes)["error.type"] == "failed"
    assert attributes_of(spans["b"].attributes)["nika.task.state"] == "skipped"
