from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.registry.registry import Registry

from .conftest import Nika

Write = Callable[[str, str], Path]


def test_nika_alone_prints_help(nika: Nika) -> None:
    done = nika()
    assert done.code == 0
    assert "Commands:" in done.out


def test_version(nika: Nika) -> None:
    assert re.fullmatch(r"nika 5\.\S+ \(nika-core 5\.\S+\)\n", nika("--version").out)


@pytest.mark.parametrize("platform", ["win32", "cygwin", "freebsd14"])
def test_another_platform_is_told_in_one_sentence(platform: str) -> None:
    lacks = "sys.modules |= dict.fromkeys(['fcntl', 'resource', 'pwd', 'termios'])"
    code = f"import sys; sys.platform = {platform!r}; {lacks}; from nika_core.cli import command_line; command_line()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nika runs on Linux and macOS, and on Windows inside WSL (`wsl --install`)\n"


@pytest.mark.parametrize("arguments", [("runn",), ("run", "--nope"), ("run", "-i"), ("limits", "--format", "xml")])
def test_a_wrong_call_exits_with_2(nika: Nika, arguments: tuple[str, ...]) -> None:
    assert nika(*arguments).code == 2


def test_every_command_has_help(nika: Nika) -> None:
    from nika_core.cli.program import COMMANDS

    for command in COMMANDS:
        assert nika(command, "--help").code == 0, command


def test_limits_tell_value_and_origin(nika: Nika, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIKA_MAX_TASKS", "7")
    found = {each["name"]: each for each in nika("limits", "--format", "json").json["limits"]}
    assert (found["NIKA_MAX_TASKS"]["value"], found["NIKA_MAX_TASKS"]["origin"]) == (7, "environment")
    assert (found["NIKA_SHELL_TIMEOUT"]["value"], found["NIKA_SHELL_TIMEOUT"]["origin"]) == (30, "default")
    assert len(found) >= 22
    assert "NIKA_MAX_TASKS" in nika("limits").out


def test_a_malformed_limit_is_an_error_that_names_the_variable(nika: Nika, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIKA_MAX_OUTPUT", "1 potato")
    done = nika("limits")
    assert done.code == 2
    assert "NIKA_MAX_OUTPUT" in done.err
    monkeypatch.setenv("NIKA_MAX_TASKS", "many")
    done = nika("limits")  # and all of them at once
    assert done.code == 2
    assert re.findall(r"The variable (\w+) is", done.err) == ["NIKA_MAX_TASKS", "NIKA_MAX_OUTPUT"]


def test_all_that_is_wrong_with_the_project_file_is_told(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    write("nika.yaml", "main: [a]\nplugins: {alow: [x]}\nprices: {m: {inputPerMillion: x, outputPerMillion: 1}}\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 2
    assert [(each["line"], each["column"]) for each in done.json["problems"]] == [(1, 7), (2, 11), (3, 31)]
    assert re.findall(r"nika.yaml:(\d+:\d+): error", done.err) == ["1:7", "2:11", "3:31"]
    assert "did you mean `allow`?" in done.err


def test_a_broken_section_is_told_and_nothing_that_only_seems_to_be_missing_for_it(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock, allowedTools: ["mcp::notes::*"]}
        mcpServers:
          files: {command: uvx, args: mcp-server-files}
          notes: {cmd: uvx}
        tasks:
          - {id: a, mcp: "files::read"}
          - {id: b, agent: hi}
        """,
    )
    (file,) = nika("validate", "w.nika.yaml", "--format", "json").json["files"]
    assert [(each["line"], each["message"]) for each in file["problems"]] == [
        (3, "expected a list, found `mcp-server-files`"),
        (4, "unknown key `cmd`"),
    ]


def test_a_command_that_is_none_is_told_with_the_nearest_one(nika: Nika) -> None:
    for called, meant in (("valdate", "validate"), ("explian", "explain")):
        done = nika(called)
        assert (done.code, done.out) == (2, "")
        assert f"Did you mean '{meant}'?" in done.err
    assert "Did you mean" not in nika("quux").err


def test_a_prompt_over_its_limit_is_refused_with_3(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", f"agent: {{model: mock}}\ntasks:\n  - {{id: a, llm: {'x' * 100_001}}}\n")
    for command in ("validate", "run"):
        done = nika(command, "w.nika.yaml")
        assert (done.code, "NIKA-068" in done.said) == (3, True)


def test_plugins_are_listed_with_distribution_and_version(nika: Nika) -> None:
    words = {each["word"]: each for each in nika("plugins", "list", "--format", "json").json["plugins"]}
    assert words["shell"]["distribution"] == "nika-keyword-shell"
    assert {"agent", "subagent", "shell", "http", "mcp", "function", "llm", "mock", "env", "task", "input"} <= set(
        words
    )


@pytest.mark.parametrize(("word", "form"), [("shell", "shell: {command: ...}"), ("set", "set: ...")])
def test_a_keyword_is_shown_with_the_form_in_which_it_is_written(nika: Nika, word: str, form: str) -> None:
    (shown,) = nika("plugins", "show", word, "--format", "json").json["plugins"]
    assert shown["form"] == form


def test_a_blocked_keyword_says_which_list_blocks_it(nika: Nika, write: Write) -> None:
    write("nika.yaml", "plugins: {block: [keywords:shell]}\n")
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: ls}\n")
    done = nika("run", "w.nika.yaml")
    assert done.code == 3
    assert "NIKA-075" in done.err
    assert "nika.yaml" in done.err


def test_validate_takes_folders_and_tells_files_and_problems(nika: Nika, write: Write) -> None:
    write("a/good.nika.yaml", "tasks:\n  - {id: a, shell: ls}\n")
    write("a/deep/bad.nika.yaml", "tasks:\n  - {id: a, shell: ls, retries: 3}\n")
    write("a/other.yaml", "x: 1\n")
    done = nika("validate", "a", "--format", "json")
    assert done.code == 2
    files = {Path(each["path"]).name: each for each in done.json["files"]}
    assert (files["good.nika.yaml"]["valid"], files["good.nika.yaml"]["tasks"]) == (True, 1)
    (problem,) = files["bad.nika.yaml"]["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == ("NIKA-004", 2, 24)
    assert set(files) == {"good.nika.yaml", "bad.nika.yaml"}
    assert "retry" in problem["hint"]
    compact = nika("validate", "a", "--format", "compact").out
    assert "bad.nika.yaml:2:24" in compact


def test_problems_are_the_data_of_validate_and_come_with_the_counts_on_one_stream(nika: Nika, write: Write) -> None:
    write("a/bad.nika.yaml", "tasks:\n  - {id: a, shell: ls, retries: 3}\n")
    write("a/good.nika.yaml", "tasks:\n  - {id: a, shell: ls}\n")
    done = nika("validate", "a")
    assert done.err == ""
    lines = done.out.splitlines()
    assert lines[0].startswith("error[NIKA-004]: unknown key `retries`")
    assert lines[-3:] == [
        "✗ a/bad.nika.yaml: 1 error",
        "✓ a/good.nika.yaml: valid, 1 task, 0 flows",
        "2 files: 1 invalid",
    ]


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ("on.nika.yaml", "did you mean `one.nika.yaml`?"),
        ("one", "did you mean `one.nika.yaml`?"),
        ("nika.nika.yaml", "there is `one.nika.yaml`, `two.nika.yaml`"),
        ("on.nika.test.yaml", "did you mean `one.nika.test.yaml`?"),
    ],
)
def test_a_missing_workflow_is_never_taken_for_the_project_file_or_for_tests(
    nika: Nika, write: Write, missing: str, hint: str
) -> None:
    for name in ("one.nika.yaml", "two.nika.yaml", "one.nika.test.yaml"):
        write(name, "tasks:\n  - {id: a, set: 1}\n")
    write("nika.yaml", "main: one.nika.yaml\n")
    assert f"help: {hint}\n" in nika("run", missing).err


@pytest.mark.parametrize("own_folder", [True, False])
def test_a_broken_project_file_is_one_of_the_files_that_validate_tells_of(
    nika: Nika, write: Write, own_folder: bool
) -> None:
    write("nika.yaml" if own_folder else "sub/nika.yaml", "mian: w.nika.yaml\n")
    write("w.nika.yaml" if own_folder else "sub/w.nika.yaml", "tasks:\n  - {id: a, shell: x}\n")
    write("v.nika.yaml" if own_folder else "sub/v.nika.yaml", "tasks:\n  - {id: a, shell: x}\n")
    done = nika("validate", ".", "--format", "json")
    assert done.code == 2
    (file,) = done.json["files"]
    assert (Path(file["path"]).name, file["valid"]) == ("nika.yaml", False)
    (problem,) = file["problems"]
    assert (problem["code"], problem["line"]) == ("NIKA-004", 1)
    assert "main" in problem["hint"]
    assert "nika.yaml: 1 error" in nika("validate", ".").out


def test_validate_opens_each_project_once_and_checks_each_file_by_its_own(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, limit in (("one", 1), ("two", 2)):
        write(f"{name}/nika.yaml", f"limits: {{maxTasks: {limit}}}\n")
        for file in ("a", "b", "sub/c"):
            write(f"{name}/{file}.nika.yaml", "tasks:\n  - {id: a, shell: ls}\n  - {id: b, shell: 'echo {{a}}'}\n")
    opened = []
    make = Registry.__init__

    def counted(self: Registry, *arguments: Any) -> None:
        opened.append(arguments)
        make(self, *arguments)

    monkeypatch.setattr(Registry, "__init__", counted)
    done = nika("validate", "one", "two", "--format", "json")
    assert done.code == 3
    valid = {(Path(each["path"]).parts[0], each["valid"]) for each in done.json["files"]}
    assert (len(done.json["files"]), valid) == (6, {("one", False), ("two", True)})
    assert len(opened) <= 3  # one for each project, and one for the number of files that may be named


def test_too_many_files_are_refused_with_3(nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIKA_MAX_FILES", "1")
    for name in "ab":
        write(f"{name}.nika.yaml", "tasks:\n  - {id: a, shell: ls}\n")
    done = nika("validate", ".")
    assert done.code == 3
    assert "NIKA_MAX_FILES" in done.err


def test_providers_tell_whether_a_key_is_set_and_never_the_key(nika: Nika, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    done = nika("providers", "--format", "json")
    assert done.code == 0
    assert "sk-very-secret" not in done.out
    found = {each["name"]: each for each in done.json["providers"]}
    secrets = {each["name"]: each["set"] for each in found["openai"]["secrets"]}
    assert secrets["OPENAI_API_KEY"] is True


def test_plan_tells_waves_payloads_effects_and_cost_and_calls_nothing(nika: Nika, write: Write, folder: Path) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock-small, provider: mock}
        tasks:
          - {id: a, shell: "touch effect; echo ${input.x}"}
          - {id: b, llm: {prompt: "{{a}} and ${input.x}", maxTokens: 10}}
        """,
    )
    done = nika("plan", "w.nika.yaml", "-i", "x=known", "--format", "json")
    assert done.code == 0, done.err
    first, second = done.json["tasks"]
    assert (first["wave"], second["wave"]) == (1, 2)
    assert second["payload"]["prompt"] == "{{a}} and known"
    assert {"kind": "model", "target": "mock-small"} in second["effects"]
    assert second["estimate"]["tokensHigh"] > second["estimate"]["tokensLow"] > 0
    assert not (folder / "effect").exists()
    assert "wave 2" in nika("plan", "w.nika.yaml", "-i", "x=known").out


def test_plan_shows_the_condition_of_a_task_which_need_not_run(nika: Nika, write: Write) -> None:
    text = "tasks:\n- {id: a, shell: date}\n- {id: b, shell: date, when: \"${state.a} == 'failed'\"}\n"
    write("w.nika.yaml", text)
    first, second = nika("plan", "w.nika.yaml", "--format", "json").json["tasks"]
    assert (first["certain"], first["when"]) == (True, None)
    assert (second["certain"], second["when"], second["dependsOn"]) == (False, "${state.a} == 'failed'", ["a"])
    assert "      when: ${state.a} == 'failed'\n" in nika("plan", "w.nika.yaml").out


def test_a_model_without_a_known_price_is_unpriced_never_free(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    write("w.nika.yaml", "agent: {model: acme-large, provider: openai}\ntasks:\n  - {id: a, llm: hi}\n")
    estimate = nika("plan", "w.nika.yaml", "--format", "json").json["estimate"]
    assert estimate["unpriced"] == ["acme-large"]
    write("nika.yaml", "prices: {acme-large: {inputPerMillion: 1.0, outputPerMillion: 4.0}}\n")
    nika("trust")
    priced = nika("plan", "w.nika.yaml", "--format", "json").json["estimate"]
    assert priced["unpriced"] == []
    assert priced["costUsdHigh"] > 0


def test_a_run_whose_low_estimate_is_over_a_limit_is_refused_with_3(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MAX_TOKENS_TOTAL", "5")
    write("w.nika.yaml", f"agent: {{model: mock, provider: mock}}\ntasks:\n  - {{id: a, llm: {'word ' * 50}}}\n")
    done = nika("run", "w.nika.yaml")
    assert done.code == 3
    assert "NIKA_MAX_TOKENS_TOTAL" in done.err
    planned = nika("plan", "w.nika.yaml", "--format", "json")  # a plan says that the run would be refused
    assert planned.code == 0
    assert "NIKA_MAX_TOKENS_TOTAL" in planned.json["refusals"][0]["message"]


@pytest.mark.parametrize(
    "lists", ["block: [keyword:shell]", "allow: [nika-keyword-shell, 'keywrods:shell']", "prefer: {keyword:shell: x}"]
)
def test_a_list_with_a_kind_that_is_none_blocks_nothing_and_is_refused(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, lists: str
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    write("nika.yaml", f"plugins: {{{lists}}}\n")
    monkeypatch.setenv("NIKA_TRUST", ".")
    done = nika("run", "w.nika.yaml")
    assert (done.code, done.out) == (2, "")
    assert "NIKA-096" in done.err
    assert "keywords:shell" in done.err


def test_the_environment_s_list_with_a_kind_that_is_none_is_refused(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    monkeypatch.setenv("NIKA_PLUGINS_BLOCK", "keyword:shell")
    done = nika("run", "w.nika.yaml")
    assert (done.code, "NIKA_PLUGINS_BLOCK" in done.err) == (2, True)


def test_a_line_break_in_a_name_breaks_no_table(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", 'name: "a\\nb"\ntasks:\n  - {id: a, shell: echo hi}\n')
    assert nika("run", "w.nika.yaml").code == 0
    assert len(nika("runs", "list").out.splitlines()) == 2


@pytest.mark.parametrize("command", [("run", "/w.nika.yaml"), ("runs", "list"), ("limits",), ("validate",)])
def test_a_folder_that_is_no_longer_there_is_told(
    nika: Nika, folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = nika(*command)
    assert (done.code, "the folder you are in is no longer there" in done.err) == (2, True)
    assert "NIKA-097" in done.err


def test_runs_are_listed_shown_and_removed(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    run = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    (listed,) = nika("runs", "list", "--format", "json").json["runs"]
    assert (listed["runId"], listed["status"]) == (run, "succeeded")
    shown = nika("runs", "show", run, "--format", "json").json
    assert shown["tasks"][0]["output"] == "hi"
    assert shown["tasks"][0]["keyword"] == "shell"
    assert "usage" not in shown["tasks"][0]  # as in the run's own result: what has no value is left out
    assert nika("runs", "rm", run).code == 0
    assert nika("runs", "list", "--format", "json").json["runs"] == []
    gone = nika("runs", "show", run)
    assert (gone.code, "NIKA-093" in gone.err) == (2, True)


def test_a_run_is_shown_in_declared_order_whatever_ended_first(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_TOKEN", "tops3cret")
    text = "inputs: {n: {type: string, default: tops3cret}}\n"
    text += "tasks:\n  - {id: c, shell: 'echo {{b}}'}\n  - {id: b, shell: 'echo {{a}}'}\n  - {id: a, shell: echo hi}\n"
    write("w.nika.yaml", text + "  - {id: z, shell: 'test {{c}} = no'}\n")
    run = nika("run", "w.nika.yaml", "--format", "json").json["runId"]

    def shown() -> list[str]:
        told = [task["id"] for task in nika("runs", "show", run, "--format", "json").json["tasks"]]
        lines = nika("runs", "show", run).out.splitlines()
        assert [line.split()[0] for line in lines if line[:2] == "  " and line[2] != " "] == told
        return told

    assert shown() == ["c", "b", "a", "z"]
    write("w.nika.yaml", text + "  - {id: new, shell: 'echo new'}\n")
    assert nika("resume", run).code == 0
    assert shown() == ["c", "b", "a", "new", "z"]  # `z` is no longer in the workflow


@pytest.mark.parametrize("project", [True, False])
def test_the_history_of_another_folder_is_named_with_c(
    nika: Nika, write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch, project: bool
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: '[ -e ok ]', retry: {max: 1}}\n")
    if project:
        write("nika.yaml", "main: w.nika.yaml\n")
    run = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    write("ok", "")
    monkeypatch.chdir(folder.parent)
    assert nika("runs", "list", "-C", folder, "--format", "json").json["runs"][0]["runId"] == run
    assert nika("runs", "show", run, "-C", folder).code == 0
    assert nika("resume", run, "-C", folder).code == 0
    assert nika("runs", "rm", run, "-C", folder).code == 0


@pytest.mark.parametrize("command", [("resume", "nope"), ("runs", "show", "nope"), ("runs", "rm", "nope")])
def test_a_run_that_is_not_there_is_a_mistake_in_the_call(nika: Nika, command: tuple[str, ...]) -> None:
    done = nika(*command)
    assert done.code == 2
    assert "NIKA-093" in done.err


def test_the_environment_cannot_take_a_limit_policy_away(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    monkeypatch.setenv("NIKA_PLUGINS_BLOCK", "limit_policies:env")
    refused = nika("run", "w.nika.yaml")
    assert refused.code == 3
    assert "NIKA_PLUGINS_BLOCK" in refused.err
    monkeypatch.delenv("NIKA_PLUGINS_BLOCK")
    monkeypatch.setenv("NIKA_PLUGINS_ALLOW", "nika-keyword-*")
    assert nika("limits", "--format", "json").json["limits"]
    assert nika("run", "w.nika.yaml").code == 0


def test_an_invalid_file_is_counted_as_it_stands(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: ls}\n  - {id: b, nope: 1}\nflows:\n  - {source: a, target: b}\n")
    (file,) = nika("validate", "w.nika.yaml", "--format", "json").json["files"]
    assert (file["valid"], file["tasks"], file["flows"]) == (False, 2, 1)
