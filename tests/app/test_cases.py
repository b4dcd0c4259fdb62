"""Test files: what they may say, what their cases find, and what happens when they are recorded anew."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import nika_core as nika
from nika_core import codes
from nika_core.errors import ProblemsError, UsageError
from nika_core.model.cases import Expects
from nika_core.model.message import ToolCall
from nika_core.model.usage import Usage
from nika_core.testing import ScriptedModel, model_reply, scripted
from nika_core.testing.scripted import script_in_environ

FLOW = """
    inputs: {name: {type: string, default: Ada}}
    tasks:
      - {id: fetch, shell: "date > touched; echo hello ${input.name}"}
      - {id: count, shell: "echo {{fetch}} | wc -w"}
      - {id: report, set: {name: "${input.name}", lines: ["{{fetch}}", "{{count}}"]}}
      - {id: rare, set: "rare", when: "${input.name} == 'Zoe'"}
    outputs: "{{report}}"
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def suite(path: Path, environ: dict[str, str] | None = None) -> nika.TestSuite:
    return nika.load_tests(path, environ={"PATH": os.environ["PATH"], **(environ or {})}, plugins=[scripted])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "flow.nika.yaml", FLOW)
    return tmp_path


def found(report: nika.SuiteReport) -> dict[str, str]:
    """Return what was wrong with each expectation, by its title."""
    return {unmet.expectation.title: unmet.message for case in report.cases for unmet in case.unmet}


GIVEN = """
    cases:
      - name: it
        outputs: {fetch: hello Ada, count: "2"}
        expect:
"""


def expecting(folder: Path, *lines: str) -> nika.SuiteReport:
    text = dedent(GIVEN) + "".join(f"      - {line}\n" for line in lines)
    return suite(write(folder, "flow.nika.test.yaml", text)).run()


def test_everything_that_can_be_expected_holds_and_its_opposite_does_not(folder: Path):
    lines = [
        "{status: succeeded}",
        "{task: report, state: success}",
        "{task: rare, skipped: condition}",
        "{task: rare, skipped: true}",
        "order: [fetch, count, report]",
        "{task: fetch, equals: hello Ada}",
        "{path: '$.lines[0]', equals: hello Ada}",
        "{path: lines.1, equals: '2'}",
        "{path: 'lines[*]', equals: [hello Ada, '2']}",
        "{contains: hello}",
        "{schema: {type: object, required: [name]}}",
        "{path: name}",
        "{cost: 0, tokens: {atMost: 0}, calls: {atLeast: 0, atMost: 2}, tools: []}",
    ]
    report = expecting(folder, *lines)
    assert found(report) == {}
    assert report.passed
    opposite = [
        "{not-status: succeeded}",
        "{task: report, not-state: success}",
        "{task: rare, not-skipped: condition}",
        "not-order: [fetch, count, report]",
        "{task: fetch, not-equals: hello Ada}",
        "{not-contains: hello}",
        "{not-schema: {type: object}}",
        "{path: name, not-exists: true}",
        "{not-cost: 0}",
        "{not-tokens: 0}",
        "{not-calls: 0}",
        "{not-tools: []}",
    ]
    report = expecting(folder, *opposite)
    assert len(found(report)) == len(opposite)
    assert not (folder / "touched").exists()


def test_what_differs_is_told_with_its_line_and_a_diff(folder: Path):
    report = expecting(
        folder,
        "{equals: {name: Bob, lines: [hello Ada, '2']}}",
        "{task: fetch, state: failed}",
        "{task: report, path: 'lines[7]', equals: 1}",
        "{schema: {type: array}}",
        "order: [count, fetch]",
        "{tools: [shell]}",
        "{task: count, skipped: condition}",
        "{task: fetch, error: boom}",
        "{equals: {name: true}}",
        "{tokens: {atLeast: 5}}",
        "{status: failed}",
    )
    (case,) = report.cases
    first = case.unmet[0]
    assert '-  "name": "Bob"\n+  "name": "Ada"' in first.diff
    assert (first.expectation.place.line, first.expectation.place.column) == (6, 10)
    told = found(report)
    assert told["state of `fetch`"] == "`fetch` is success"
    assert told["equals of `report` at lines[7]"] == "there is no 'lines[7]': it has 2 items"
    assert told["order"] == "they started as fetch, count"
    assert told["error of `fetch`"] == "`fetch` did not fail, it is success"
    assert told["tokens"] == "it took 0 tokens, expected at least 5"
    assert len(case.unmet) == 11


def test_an_error_stands_in_for_a_task(folder: Path):
    text = """
        cases:
          - name: it
            errors: {fetch: {category: network, message: the server is gone}}
            expect:
              - {status: failed}
              - {task: fetch, error: "network: the server is gone"}
              - {task: count, skipped: upstreamFailed}
    """
    assert suite(write(folder, "flow.nika.test.yaml", text)).run().passed


RECORDED = """
    recording: rec
    cases:
      - name: greets
        table: [{name: Ada}, {name: Bob}]
        expect:
          - {task: fetch, contains: hello}
"""


def test_a_suite_is_recorded_then_replayed_until_something_changes(folder: Path):
    path = write(folder, "flow.nika.test.yaml", RECORDED)
    (missing, _) = suite(path).run().cases
    assert [(each.code, each.hint) for each in missing.problems] == [
        (codes.BAD_RECORDING, "record it: nika test --update")
    ]
    recorded = suite(path).run(update=True)
    assert [case.case.name for case in recorded.cases] == ["greets[0]", "greets[1]"]
    assert recorded.passed
    (folder / "touched").unlink()
    assert suite(path).run().passed
    write(folder, "flow.nika.yaml", FLOW.replace("echo hello", "echo hallo"))
    first, _ = suite(path).run().cases
    assert [each.code for each in first.problems] == [codes.NOT_RECORDED]
    told = first.problems[0].message
    assert "-      text: date > touched; echo hello Ada\n+      text: date > touched; echo hallo Ada" in told
    assert first.unmet == ()
    assert not (folder / "touched").exists()


def test_what_no_case_asks_for_is_named(folder: Path):
    path = write(folder, "flow.nika.test.yaml", RECORDED)
    suite(path).run(update=True)
    assert suite(path).run().stale == ()
    text = "workflow: flow.nika.yaml\n" + dedent(RECORDED).replace(", {name: Bob}", "")
    fewer = write(folder, "fewer.nika.test.yaml", text)
    assert {each.name.partition(".")[0] for each in suite(fewer).run().stale} == {"fetch", "count"}
    assert suite(folder).run().stale == ()  # another file asks for it
    write(folder, "flow.nika.yaml", FLOW.replace("echo hello", "echo hallo"))
    assert suite(fewer).run().stale == ()  # the case failed before it could ask for everything


JUDGED = """
    recording: rec
    cases:
      - name: it
        expect:
          - {judge: {rubric: it is polite, threshold: 0.8}}
          - {not-judge: {rubric: it is rude, threshold: 0.8}}
          - {task: look, tools: [shell], calls: 2, tokens: 34}
"""


def test_a_judge_and_an_agent_are_asked_once_and_replayed_for_nothing(tmp_path: Path):
    write(
        tmp_path,
        "flow.nika.yaml",
        """
        agent: {provider: scripted, model: scripted, allowedTools: [shell]}
        tasks: [{id: look, agent: "Look around"}]
        """,
    )
    path = write(tmp_path, "flow.nika.test.yaml", JUDGED)
    call = ToolCall("c", "shell", {"command": "touch touched"})
    usage = Usage(input_tokens=10, output_tokens=7, calls=1)
    verdicts = [json.dumps({"reason": "so it is", "score": score}) for score in (0.9, 0.1)]
    model = ScriptedModel(model_reply("", call, usage=usage), model_reply("Good day", usage=usage), *verdicts)
    with script_in_environ(model) as environ:
        recorded = suite(path, environ).run(update=True)
    assert found(recorded) == {}
    assert recorded.cases[0].problems == ()
    assert "Good day" in model.requests[-1].messages[0].text
    assert recorded.cases[0].usage.calls == 4
    (tmp_path / "touched").unlink()
    replayed = suite(path).run()
    assert replayed.passed
    assert replayed.cases[0].usage.calls == 0
    assert replayed.stale == ()
    assert not (tmp_path / "touched").exists()
    other = write(tmp_path, "flow.nika.test.yaml", JUDGED.replace("it is polite", "it is kind"))
    (unmet, *_) = suite(other).run().cases[0].unmet
    assert unmet.message.startswith("the judge could not be asked: `judge` asks for what the recording")


def problems(path: Path) -> list[tuple[int | None, str]]:
    with pytest.raises(ProblemsError) as refused:
        suite(path)
    assert all(problem.code in (codes.BAD_TEST, codes.YAML_NOT_STRICT) for problem in refused.value.problems)
    return [(problem.place.line if problem.place else None, problem.message) for problem in refused.value.problems]


def test_every_mistake_in_a_test_file_is_told_with_its_line(folder: Path):
    text = """\
        recordng: rec
        errors: {fetch: {categry: x, message: y}}
        cases:
          - name: one
            expect:
              - {status: suceeded}
              - {task: fetch, contans: x}
              - {state: success}
              - {calls: {atmost: 3}}
              - {cost: -1}
              - {judge: {rubric: good, threshold: 2}}
              - {judge: good}
              - {task: fetch, status: failed}
              - {}
          - name: one
            expects: []
          - just a text
    """
    assert problems(write(folder, "flow.nika.test.yaml", text)) == [
        (1, "unknown key `recordng`"),
        (2, "`fetch`: an error has no `categry`, but `category`, `message` and `code`"),
        (6, "'suceeded' is none of succeeded, failed, cancelled, paused"),
        (7, "unknown expectation `contans`"),
        (8, "`state` is about a task"),
        (9, "unknown key `atmost`"),
        (10, "this is not a number"),
        (11, "`threshold` is a number from 0 to 1"),
        (12, "`judge` asks a model, and this case has no recording to keep its answer in"),
        (13, "`status` is about the whole run"),
        (14, "an expectation is a mapping"),
        (15, "a case expects something"),
        (15, "the case 'one' is there twice, also in line 4"),
        (16, "unknown key `expects`"),
        (17, "a case is a mapping with `name:` and `expect:`"),
    ]


def test_the_hint_for_an_unknown_expectation_lists_those_that_there_are(folder: Path):
    path = write(folder, "flow.nika.test.yaml", "cases:\n  - {name: one, expect: [{zzzz: 1}]}\n")
    with pytest.raises(ProblemsError) as caught:
        nika.load_tests(path)
    hint = str(caught.value.problems[0].hint)
    assert all(f"`{each.value}`" in hint for each in Expects)
    assert "`not-`" in hint


def test_a_task_that_the_workflow_does_not_have_is_named_wherever_it_stands(folder: Path):
    text = """\
        cases:
          - name: one
            outputs: {fetsh: 1}
            answers: {"rare[*]": yes}
            expect:
              - {task: fech, state: success}
              - order: [fetch, cont]
    """
    assert problems(write(folder, "flow.nika.test.yaml", text)) == [
        (2, "flow.nika.yaml has no task `fetsh`"),
        (6, "flow.nika.yaml has no task `fech`"),
        (7, "flow.nika.yaml has no task `cont`"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("cases: &a []\n", 1, "anchor"),
        ("cases: []\n", 1, "there are no cases"),
        ("- one\n", 1, "a test file is a mapping with `cases:`"),
        ("cases:\n  - {name: a, name: b, expect: [{status: failed}]}\n", 2, "name"),
        ("cases:\n  - {name: a, table: [1], expect: [{status: failed}]}\n", 2, "`table:` is a list of inputs"),
    ],
)
def test_a_file_that_is_no_test_file_is_refused_with_its_line(folder: Path, text: str, line: int, message: str):
    ((where, told), *_) = problems(write(folder, "flow.nika.test.yaml", text))
    assert where == line
    assert message in told


def test_what_is_wrong_with_all_files_is_told_at_once(tmp_path: Path):
    write(tmp_path, "a.nika.test.yaml", "")
    write(tmp_path, "b.nika.test.yaml", "cases: []\n")
    with pytest.raises(ProblemsError) as caught:
        nika.load_tests(tmp_path)
    assert [(each.message, Path(each.place.path).name) for each in caught.value.problems if each.place] == [
        ("a test file is a mapping with `cases:`", "a.nika.test.yaml"),
        ("there are no cases", "b.nika.test.yaml"),
    ]


def test_files_that_are_not_there_are_told(folder: Path):
    with pytest.raises(UsageError, match="there are no test files in"):
        suite(folder)
    with pytest.raises(UsageError, match=r"flow\.nika\.yaml is not a test file"):
        suite(folder / "flow.nika.yaml")
    with pytest.raises(ProblemsError, match="there is no such file"):
        suite(folder / "flow.nika.test.yaml")
    with pytest.raises(ProblemsError, match="there is no such file"):
        suite(
            write(
                folder,
                "other.nika.test.yaml",
                "workflow: gone.nika.yaml\ncases: [{name: a, expect: [{status: failed}]}]",
            )
        )


def test_a_recording_of_another_workflow_fails_its_case_and_no_other(folder: Path):
    path = write(folder, "flow.nika.test.yaml", RECORDED)
    suite(path).run(update=True)
    write(folder, "other.nika.yaml", FLOW)
    text = "cases:\n  - {name: a, outputs: {fetch: x}, expect: [{status: succeeded}]}\n"
    text += "  - {name: b, recording: rec, expect: [{status: succeeded}]}\n"
    first, second = suite(write(folder, "other.nika.test.yaml", text)).run().cases
    assert first.passed
    assert "is of the workflow 'flow', and this is 'other'" in second.problems[0].message


ENDS = """
    inputs: {code: {type: int}}
    tasks:
      - {id: list, shell: "echo a; echo b", output: lines}
      - {id: each, forEach: "{{list}}", shell: "echo ${each.item} >> log; echo got ${each.item}"}
      - {id: sum, set: "{{each | join(' ')}}"}
      - {id: end, shell: "exit ${input.code}", when: "{{sum}} != ''"}
"""


def test_a_test_is_made_of_a_run_that_went_well_and_of_one_that_went_wrong(tmp_path: Path):
    write(tmp_path, "flow.nika.yaml", ENDS)
    for code, status in ((0, "succeeded"), (3, "failed")):
        result = nika.run(tmp_path / "flow.nika.yaml", inputs={"code": code}, journal=tmp_path)
        assert result.status.value == status
        (tmp_path / "log").unlink()
        path = nika.runs.record("last", folder=tmp_path)
        assert suite(path).run().passed
        assert not (tmp_path / "log").exists()
        with pytest.raises(UsageError, match="is there already"):
            nika.runs.record("last", folder=tmp_path)
    with pytest.raises(UsageError, match="is not the name of a test file"):
        nika.runs.record("last", folder=tmp_path, to=tmp_path / "x.yaml")


def test_python_has_the_same_in_one_call(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    write(folder, "flow.nika.test.yaml", dedent(GIVEN) + "      - {status: succeeded}\n")
    report: Any = nika.test()
    assert report.passed
    assert [case.case.name for case in report.cases] == ["it"]


async def test_an_interrupted_update_has_recorded_what_ran(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "up")
    write(
        tmp_path,
        "two.nika.yaml",
        "tasks:\n  - {id: first, shell: echo 1}\n  - {id: long, shell: 'echo {{first}} > up; sleep 60'}\n",
    )
    test = "recording: rec\ncases:\n  - {name: a, expect: [{status: succeeded}]}\n"
    work = asyncio.create_task(suite(write(tmp_path, "two.nika.test.yaml", test)).arun(update=True))
    await asyncio.to_thread((tmp_path / "up").read_text)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert sorted(file.name.partition(".")[0] for file in (tmp_path / "rec").iterdir()) == ["first", "recording"]
