"""Limits hold on a backend as on one machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.testing.backend_checks import BackendRuns, without_times

pytestmark = pytest.mark.beside
DEEP = '{"a": {"b": {"c": {"d": 1}}}}'
LIST = "tasks:\n  - {id: list, shell: 'echo [1, 2, 3]', output: {format: json}}\n"
MODEL = f"""
agent: {{provider: mock, model: mock, maxTokens: 50}}
tasks:
  - {{id: one, llm: say}}
  - {{id: two, llm: {"word " * 30}}}
flows: [{{source: one, target: two}}]
"""


@pytest.mark.parametrize(
    ("name", "value", "text", "said"),
    [
        ("NIKA_MAX_OUTPUT", "200", "tasks:\n  - {id: one, shell: 'printf %0500d 1'}\n", "TRUNCATED"),
        ("NIKA_MAX_ERROR", "100", "tasks:\n  - {id: one, shell: 'printf %0500d 1 >&2; exit 3'}\n", "TRUNCATED"),
        ("NIKA_SHELL_TIMEOUT", "500ms", "tasks:\n  - {id: one, shell: sleep 600}\n", "timeout"),
        ("NIKA_MAX_JSON", "3", f"tasks:\n  - {{id: one, shell: 'echo ''{DEEP}'''}}\n", ""),
        ("NIKA_MAX_ITEMS", "2", f"{LIST}  - {{id: many, forEach: '{{{{list}}}}', shell: echo 1}}\n", "failed"),
        ("NIKA_MAX_NODES", "2", f"{LIST}  - {{id: many, forEach: '{{{{list}}}}', shell: echo 1}}\n", "failed"),
        ("NIKA_MAX_TOKENS_TASK", "60", MODEL, "budget"),
        ("NIKA_MAX_TOKENS_TOTAL", "60", MODEL, "budget"),
    ],
)
def test_a_limit_holds_as_on_one_machine(
    server: Any, worker: Any, folder: Path, name: str, value: str, text: str, said: str
) -> None:
    path = folder / "w.nika.yaml"
    path.write_text(text)
    workspace = nika.Workspace.open(path, environ={**os.environ, name: value})
    prepared = nika.prepare(path, workspace=workspace, elsewhere=True)

    there, _ = BackendRuns(server.url, folder).run_prepared(prepared)
    here = nika.run(path, workspace=workspace)

    assert without_times(nika.to_json(there)) == without_times(nika.to_json(here))
    assert said in str(nika.to_json(there))


def test_no_more_run_at_once_than_max_concurrent_on_all_workers_together(
    server: Any, worker: Any, nika: Any, folder: Path
) -> None:
    log = folder / "log"
    text = "tasks:\n  - id: many\n    forEach: [1, 2, 3, 4, 5, 6]\n"
    text += f"    shell: 'echo + >> {log}; sleep 0.2; echo - >> {log}'\n"
    (folder / "w.nika.yaml").write_text(text)

    done = nika("run", "--on", server.url, "w.nika.yaml", "--max-concurrent", "2", folder=folder)

    assert done.returncode == 0, done.stderr
    signs = log.read_text().split()
    at_once = [signs[:end].count("+") - signs[:end].count("-") for end in range(len(signs))]
    assert len(signs) == 12
    assert max(at_once) == 2
