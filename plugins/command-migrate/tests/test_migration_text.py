"""What changes in a text, rule by rule; the random documents are in test_migration_property.py."""

from __future__ import annotations

from textwrap import dedent

import pytest
from nika_command_migrate.findings import MigrationContext
from nika_command_migrate.migrate import Migration, Status, migrate_text

HEAD = "agent: {model: m}\n"


def tasks(body: str) -> str:
    return HEAD + "tasks:\n" + dedent(body).strip("\n") + "\n"


def migrated(body: str) -> str:
    """The tasks of v5; the file must have been migrated."""
    result = migrate_text(tasks(body))
    assert result.status is Status.MIGRATED, result
    return result.text.removeprefix(HEAD + "tasks:\n")


def refused(body: str) -> Migration:
    result = migrate_text(tasks(body))
    assert result.status is Status.CANNOT
    assert result.text == tasks(body)
    return result


def test_a_field_beside_the_keyword_goes_under_it_and_the_short_form_stays_where_there_is_none() -> None:
    text = migrated(
        """
        - id: a
          shell: ls   # list
          cwd: ./x
        - id: b
          shell: ls
          config: {timeout: 5s}
        """
    )
    assert text == dedent(
        """\
        - id: a
          shell:
            command: ls   # list
            workingDir: ./x
        - id: b
          shell: ls
          timeout: 5s
        """
    )


def test_fields_far_from_the_keyword_come_to_it_with_their_comments() -> None:
    text = migrated(
        """
        - model: m1  # the cheap one
          # about the id
          id: a
          llm: say hi

          # rules
          config:
            onError: continue
          # nothing moves this
        """
    )
    assert text == dedent(
        """\
        - # about the id
          id: a
          llm:
            prompt: say hi
            model: m1  # the cheap one

          # rules
          onError: continue
          # nothing moves this
        """
    )


@pytest.mark.parametrize("header", ["|", "|-", "|+", ">", "|2", "|-2", ">+2"])
def test_block_scalars_are_moved_whole(header: str) -> None:
    body = f"- id: a\n  llm: {header}\n    one\n\n      two\n  model: m1\n"
    text = migrate_text(HEAD + "tasks:\n" + body).text
    assert text.endswith(f"  llm:\n    prompt: {header}\n      one\n\n        two\n    model: m1\n")


def test_white_space_that_is_text_stays_text() -> None:
    body = "- id: a\n  llm: |\n    one\n      \n    two\n   \n  model: m1\n"
    result = migrate_text(HEAD + "tasks:\n" + body)
    assert result.status is Status.MIGRATED
    assert "      one\n        \n      two\n   \n" in result.text


def test_a_flow_style_task_stays_in_flow_style() -> None:
    assert migrated('- { "id": a, "shell": ls, "cwd": x, config: { timeout: 5s, }, }') == (
        '- { "id": a, "shell": { "command": ls, "workingDir": x }, timeout: 5s, }\n'
    )


def test_a_nested_payload_in_flow_style_takes_block_fields_only_as_a_block() -> None:
    text = migrated(
        """
        - id: a
          http: {url: "https://x.example", method: GET}   # c
          headers:
            X: y
        """
    )
    assert text == dedent(
        """\
        - id: a
          http:   # c
            url: "https://x.example"
            method: GET
            headers:
              X: y
        """
    )


def test_tools_in_a_payload_go_to_the_task() -> None:
    text = migrated("- id: a\n  agent: {prompt: p, allowedTools: [shell]}\n")
    assert text == "- id: a\n  agent: {prompt: p}\n  allowedTools: [shell]\n"


def test_a_body_that_is_a_tree_becomes_json_and_a_text_stays_a_body() -> None:
    assert "json: {a: 1}" in migrated("- id: a\n  http: https://x.example\n  body: {a: 1}\n")
    assert "body: 'a'" in migrated("- id: a\n  http: https://x.example\n  body: 'a'\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("True", "true"), ("FALSE", "false"), ("~", "null"), ("Null", "null"), ("3.10", "3.1"), ("1e3", "1000.0"),
        ("0x1F", "31"), ("0o17", "15"), ("+5", "5"), (".5", "0.5"), ("3", "3"), ("NO", "NO"), ("007", "007"),
        ("'3'", "'3'"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"),
    ],
)  # fmt: skip
def test_values_in_trees_keep_the_type_that_v4_gave_them(old: str, new: str) -> None:
    assert f"args: {{k: {new}}}" in migrated(f"- id: a\n  mcp: s::t\n  args: {{k: {old}}}\n")


def test_a_number_that_json_does_not_have_cannot_be_migrated() -> None:
    assert "args" in refused("- id: a\n  mcp: s::t\n  args: {k: .inf}\n").notes[0].message


@pytest.mark.parametrize(
    ("old", "new"),
    [("30s", "30s"), ("500 ms", "500ms"), ("2min", "2m"), ("1m30s", "90s"), ("45", "45"), ("1.5h", "1.5h"),
     ("2 hours", "2h"), ("'10 sec'", "'10s'"), ('"3m"', '"3m"')],
)  # fmt: skip
def test_durations_are_written_as_v5_reads_them(old: str, new: str) -> None:
    assert migrated(f"- id: a\n  shell: ls\n  config: {{timeout: {old}}}\n").endswith(f"timeout: {new}\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("say {{b}} {{b.x}}", "say {{b}} {{b.x}}"),
        ("say {{nobody}}", "say \\{{nobody}}"),
        ("say {{a}}", "say \\{{a}}"),  # itself
        ("{% {{# x %}", "{% \\{{# x %}"),
        ("${input.x} ${env.Y}", "${input.x} ${env.Y}"),
        ("${secret.x} ${HOME} ${f%.txt}", "\\${secret.x} ${HOME} ${f%.txt}"),
        ("\\${HOME}", "\\\\${HOME}"),
        ("{{ b }} {{b.x.y}}", "{{ b }} {{b.x.y}}"),
        ("$ {b: {{b}}}", "$ {b: {{b}}}"),
    ],
)
def test_texts_mean_what_they_meant(old: str, new: str) -> None:
    assert f"prompt: '{new}'" in migrated(f"- id: a\n  llm: '{old}'\n  model: m\n- {{id: b, shell: ls}}\n")


def test_escapes_in_double_quotes_are_doubled() -> None:
    assert 'prompt: "\\\\{{x}}\\n"' in migrated('- id: a\n  llm: "{{x}}\\n"\n  model: m\n')


def test_backslashes_before_a_template_are_doubled() -> None:
    body = "- {id: b, shell: ls}\n- id: a\n  llm: '\\{{b}} \\\\{{nobody}}'\n  model: m\n"
    assert "prompt: '\\\\{{b}} \\\\\\\\\\{{nobody}}'" in migrated(body)


def test_what_v4_took_for_absent_is_left_out() -> None:
    text = migrated(
        """
        - id: a
          # cheap
          model: ~   # none
          llm: hi
          config:
            timeout:
            retry: {}
        """
    )
    assert text == "- id: a\n  # cheap\n  # none\n  llm: hi\n"


def test_output_in_a_condition_is_the_source() -> None:
    text = tasks("- {id: a, shell: ls, cwd: x}\n- {id: b, shell: ls}") + (
        "flows:\n  - {source: a, target: b, condition: output.n > 3 && output != 'output'}\n"
    )
    assert "condition: \"{{a.n}} > 3 && {{a}} != 'output'\"}" in migrate_text(text).text


def test_only_the_lines_that_must_change_change() -> None:
    before = tasks("- id: x   \n  shell: 'a'  \n\n\n# c\n- id:   a\n  shell: ls\n  cwd: .\n").replace("m}", "m }   ")
    after = migrate_text(before).text
    unchanged = [line for line in before.splitlines(keepends=True) if "ls" not in line and "cwd" not in line]
    assert [line for line in after.splitlines(keepends=True) if line in unchanged] == unchanged


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_files_end_is_kept(end: str) -> None:
    text = HEAD + f"tasks:\n- id: a\n  cwd: x\n  shell: ls{end}"
    assert migrate_text(text).text.endswith(f"command: ls{end}")


def test_a_block_scalar_without_a_last_line_break_gets_none_when_it_moves() -> None:
    text = HEAD + "tasks:\n- id: a\n  shell: ls\n  config: {timeout: 5s}\n  cwd: |\n    x"
    result = migrate_text(text)
    assert result.status is Status.MIGRATED
    assert "workingDir: |-\n      x\n" in result.text


@pytest.mark.parametrize(
    "body",
    [
        "- id: a\n  shell: ls\n  cwd: x\n  shell: pwd\n",  # twice
        "- id: a\n  shell: !!str ls\n  cwd: x\n",  # a tag
        "- id: a\n  shell: ls\n  cwd: x\n  ? b\n  : c\n",  # an explicit key
        "- id: a\n  agent: {prompt: p, model: m}\n  model: n\n",  # both forms
        "- id: a\n  shell: ls\n  timeout: 3s\n  config: {timeout: 5s}\n",
        "- id: a\n  shell: ls\n  config: fast\n",
        "- id: a\n  llm: {{b}}\n  model: m\n",  # no quotes
        "- id: a\n  llm: [b]\n  model: m\n",
        "- id: a\n  shell: ls\n  cwd: x\n...\n---\ntasks: []\n",
    ],
)
def test_what_has_two_meanings_or_none_in_strict_yaml_is_refused_with_a_line_and_a_mend(body: str) -> None:
    note = refused(body).notes[0]
    assert note.line > 1
    assert note.message
    assert note.hint
    assert note.code == "NIKA-098"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", Status.NOT_OURS),
        ("just text", Status.NOT_OURS),
        ("- hosts: all\n  tasks: [{name: x, shell: ls}]\n", Status.NOT_OURS),
        ("version: '3'\ntasks:\n  build: {cmds: [make]}\n", Status.NOT_OURS),
        ("tasks: [{name: no id, shell: ls}]\n", Status.NOT_OURS),
        ("nika: v1\ntasks: []\n", Status.LATER_LINEAGE),
        ("schema: nika/workflow@0.1\ntasks: [{id: a, infer: x}]\n", Status.LATER_LINEAGE),
        ("agent: {model: m}\ntasks: [{id: a, shell: ls}]\nflows: []\n", Status.UNCHANGED),
        ("tasks: [{id: a, acme: x}]\nagent: {model: m}\n", Status.UNCHANGED),  # a third party's keyword
        ("a: [", Status.UNREADABLE),
        ("a: *b", Status.UNREADABLE),
        ("a: &b [*b]", Status.UNREADABLE),
        ("a: \x07", Status.UNREADABLE),
        ("[" * 500, Status.UNREADABLE),
    ],
)
def test_whose_file_it_is_is_recognized(text: str, status: Status) -> None:
    result = migrate_text(text)
    assert (result.status, result.text) == (status, text)
    assert bool(result.notes) == (status is Status.UNREADABLE)


def test_aliases_of_aliases_do_not_grow_without_bound() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert migrate_text(bomb + tasks("- {id: a, shell: ls, cwd: x}")).status is Status.UNREADABLE


def test_a_large_file_takes_time_in_proportion() -> None:
    body = "".join(f"- id: t{n}\n  shell: echo {{{{t0}}}}\n  cwd: .\n  config: {{timeout: 5s}}\n" for n in range(2000))
    result = migrate_text(tasks(body))
    assert result.status is Status.MIGRATED
    assert result.text.count("workingDir") == 2000


def notes(body: str, **surroundings: object) -> dict[int, str]:
    result = migrate_text(tasks(body), "", MigrationContext(**surroundings))  # type: ignore[arg-type]  # by name
    return {note.line: f"{note.severity.value}: {note.message} | {note.hint}" for note in result.notes}


def test_tools_of_another_program_are_listed_with_what_does_their_work() -> None:
    found = notes("- id: a\n  agent: x\n  allowedTools:\n  - Bash(npm test:*)\n  - mcp__files__read\n  maxTurns: 2\n")
    assert found[6].startswith("error")
    assert "shell" in found[6]
    assert "mcp::files::read" in found[7]


def test_javascript_is_listed_only_where_there_is_no_node() -> None:
    body = "- id: a\n  function: x.mjs::go\n  args: {}\n"
    assert "Node" in notes(body, node=False)[4]
    assert notes(body, node=True) == {}


def test_a_server_that_nothing_declares_is_listed() -> None:
    body = "- id: a\n  mcp: files::read\n  args: {}\n"
    assert "mcpServers" in notes(body)[4]
    assert notes(body, servers=["files"]) == {}


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("{{b}}", "whole command"),
        ("{{b}} --version", "name of the program"),
        ("echo `cat {{b}}`", "backticks"),
        ("|\n      cat <<EOF\n      {{b}}\n      EOF", "here-document"),
        ("echo {{b}}", "data"),
    ],
)
def test_values_in_commands_are_listed(command: str, place: str) -> None:
    command = command if command.startswith("|") else f"'{command}'"
    found = notes(f"- id: a\n  shell: {command}\n  cwd: .\n- {{id: b, shell: ls}}\n")
    assert [text for text in found.values() if place in text]


def test_a_bare_number_of_thousands_is_asked_about() -> None:
    assert "5000ms" in notes("- id: a\n  shell: ls\n  config: {timeout: 5000}\n")[5]


def test_a_nested_file_of_v4_without_anything_to_change_still_tells_what_v5_refuses() -> None:
    result = migrate_text(HEAD + 'tasks: [{id: a, agent: {prompt: "{{x}} {{"}, allowedTools: [Read]}]\n')
    assert result.status is Status.UNCHANGED
    assert [note.severity.value for note in result.notes] == ["error"] * 3
    told = " ".join(note.message for note in result.notes)
    assert all(said in told for said in ("{{x}} names no other task", "'{{' is never closed", "Read"))


def test_a_file_of_v5_is_left_alone_without_a_word() -> None:
    text = "name: x\nagent: {model: m}\ntasks: [{id: a, agent: 'say \\{{x}}', allowedTools: [Read]}]\n"
    result = migrate_text(text)
    assert (result.status, result.text, result.notes) == (Status.UNCHANGED, text, ())


def test_a_template_beside_a_condition_and_a_subagent_below_another_one_need_no_word() -> None:
    text = tasks("- {id: a, subagent: look, cwd: .}\n- {id: b, shell: ls}\n- id: d\n  subagent: '{{a}} {{b}}'\n")
    flows = 'flows:\n- {source: b, target: d, condition: "{{b}} > 3"}\n- {source: a, target: d}\n'
    assert [note.message for note in migrate_text(text.replace(", cwd: .", ", maxTurns: 3") + flows).notes] == []


@pytest.mark.parametrize("rule", ["onError: continue", "config: {onError: continue}"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("llm: 'say {{a}}'", "llm: 'say {{a ?? \"\"}}'"),
        ('llm: "say {{a.b}} {{x}}"', 'llm: "say {{a.b ?? \\"\\"}} \\\\{{x}}"'),
        ("llm: say {{ a }}!", 'llm: say {{ a ?? "" }}!'),
        ("llm: |\n    say {{a}}\n    and {{a}}", 'llm: |\n    say {{a ?? ""}}\n    and {{a ?? ""}}'),
    ],
)
def test_a_template_of_a_task_that_may_fail_gets_a_default_and_is_listed(rule: str, before: str, after: str) -> None:
    task = f"- id: a\n  shell: ls\n  cwd: .\n  {rule}\n"
    result = migrate_text(tasks(f"{task}- id: b\n  {before}\n"))
    assert result.status is Status.MIGRATED, result.notes
    assert after in result.text
    listed = [note for note in result.notes if "has no output" in note.message]
    assert [note.severity.value for note in listed] == ["warning"] * before.replace(" ", "").count("{{a")
    assert migrate_text(result.text).status is Status.UNCHANGED


def test_a_template_of_a_task_whose_failure_counts_stays_as_it_is() -> None:
    result = migrate_text(tasks("- {id: a, shell: ls, cwd: ., onError: fail}\n- {id: b, llm: 'say {{a}}'}\n"))
    assert ("{{a}}" in result.text, result.notes) == (True, ())


def test_a_condition_of_v4_is_enough_to_tell_its_file() -> None:
    text = (
        tasks("- {id: a, shell: ls}\n- {id: b, shell: ls}") + "flows: [{source: a, target: b, condition: output > 3}]\n"
    )
    result = migrate_text(text)
    assert result.status is Status.MIGRATED
    assert 'condition: "{{a}} > 3"' in result.text
    assert migrate_text(result.text).status is Status.UNCHANGED


def test_what_cannot_stand_before_a_template_in_v5_is_told() -> None:
    (note,) = refused("- {id: b, shell: ls}\n- {id: a, llm: 'x {{{b}}}', model: m}\n").errors
    assert "put a space between" in note.hint


def test_a_task_without_one_keyword_is_not_half_migrated() -> None:
    for keywords in ("", "  shell: ls\n  llm: hi\n"):
        body = f"- id: a\n{keywords}  config: {{timeout: 3s}}\n- {{id: b, shell: ls, cwd: x}}\n"
        assert "exactly one" in next(note.hint for note in refused(body).notes if "keyword" in note.message)


def test_a_field_of_another_keyword_is_told_every_time() -> None:
    text = tasks("- {id: a, shell: ls, cwd: x}\n- {id: b, llm: hi, method: GET}\n")
    once = migrate_text(text)
    assert once.status is Status.MIGRATED
    twice = migrate_text(once.text)
    assert twice.status is Status.UNCHANGED
    assert ["'method'" in note.message for note in (*once.notes, *twice.notes)] == [True, True]
