"""What validation says of a shell task, and where."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from nika_keyword_shell.analysis import scan
from nika_keyword_shell.facets import ShellFacets
from nika_keyword_shell.script import put_together

from nika_core.errors import Severity, TaskError, TemplateValueError
from nika_core.model.template import Template
from nika_core.template.compiler import compile_template
from nika_core.testing import validate_workflow

REFUSED = {
    "cat <<EOF\n{{x}}\nEOF": "here-document",
    "cat <<'EOF'\n{{x}}\nEOF": "here-document",
    "cat <<{{x}}\nEOF": "here-document's end",
    "cat <<\\{{x}}": None,  # an escape: no placeholder
    "echo `grep {{x}} f`": "backquotes",
    'echo "`grep {{x}} f`"': "backquotes",
    "echo $((1 + {{x}}))": "arithmetic",
    'echo "$(( $(echo {{x}}) ))"': "arithmetic",
    "(( {{x}} > 1 ))": "(( ))",
    "for ((i=0; i<{{x}}; i++)); do :; done": "(( ))",
    "echo ${v:-{{x}}}": "${...}",
    'echo "${v:-"{{x}}"}"': "${...}",
    "echo $'{{x}}'": "$'...'",
    'echo $"{{x}}"': '$"..."',
    "[[ {{x}} -gt 3 ]]": "[[ ]]",
    "[[ a == a && {{x}} == b ]]": "[[ ]]",
    "a[{{x}}]=1": "subscript",
    "a=([{{x}}]=1)": "subscript",
    "eval {{x}}": "`eval` takes it as code",
    "eval \"echo '{{x}}'\"": "`eval` takes it as code",
    'eval "$(printf %s {{x}})"': "`eval` takes it as code",
    "if true; then eval {{x}}; fi": "`eval` takes it as code",
    "command eval {{x}}": "`eval` takes it as code",
    "command -- eval {{x}}": "`eval` takes it as code",
    "command -p eval {{x}}": "`eval` takes it as code",
    "$(echo {{x}})": "what the substitution prints",
    "exec $(printf %s {{x}})": "what the substitution prints",
    "bash -o pipefail -c 'echo {{x}}'": "`bash -c` takes it as code",
    "sh -eo nounset -c 'echo {{x}}'": "`sh -c` takes it as code",
    "bash +O extglob -c {{x}}": "`bash -c` takes it as code",
    "bash --rcfile f -c 'echo {{x}}'": "`bash -c` takes it as code",
    "v=1 eval {{x}}": "`eval` takes it as code",
    "trap 'echo {{x}}' EXIT": "`trap` takes it as code",
    "alias ll={{x}}": "an alias",
    "alias a='echo \"'\na {{x}}": "an alias",
    "sh -c {{x}}": "`sh -c` takes it as code",
    "sh -c 'echo {{x}}'": "`sh -c` takes it as code",
    "bash -euc \"echo '{{x}}'\" bash a": "`bash -c` takes it as code",
    "/bin/sh -c 'a {{x}}'": "`sh -c` takes it as code",
    "sudo -u me sh -c 'a {{x}}'": "`sh -c` takes it as code",
    "find . -exec sh -c 'a {{x}} \"$1\"' _ {} \\;": "`sh -c` takes it as code",
    "sh {{x}}": "`sh --`",
    "echo {{x}} | sh": "standard input",
    "echo {{x}} | cat | sudo bash -s a": "standard input",
    "sh <<< {{x}}": "standard input",
    "bash <(echo {{x}})": "takes it as code",
    "source <(echo {{x}})": "takes it as code",
    "ssh host {{x}}": "`ssh` takes it as code",
    "timeout 5 ssh -p 22 me@host 'ls {{x}}'": "`ssh` takes it as code",
    "su me -c {{x}}": "`su` takes it as code",
    "watch {{x}}": "takes it as code",
    "env -S {{x}}": "`env` takes it as code",
    "declare -i n={{x}}": "expression",
    "export {{x}}=1": "variable's name",
    "unset {{x}}": "variable's name",
    "read {{x}}": "variable's name",
    "printf -v {{x}} a": "variable's name",
    "printf {{x}} {{x}}": "as an option",
    "test -v {{x}}": "operator",
    "[ {{x}} {{x}} ]": "operator",
    "let {{x}}": "takes it as code",
    "for {{x}} in a b; do :; done": "variable's name",
    "PS4={{x}} sh -x f": "expands the value",
    "{{x}} {{x}}": "name of a program",
    "echo >&{{x}}": "second time",
    "echo '{{x}}": "never closed",
    'echo "{{x}}': "never closed",
    "echo $(echo {{x}}": "never closed",
    "echo $'a\\' {{x}}": "$'...' with a backslash",
    "echo ) {{x}}": "closing parenthesis",
    'echo "$${{x}}"': None,
    'echo ${v#"}"} "${v#\'}\'}{{x}}"': "quoted ${...}",
    "$(cat <<EOF)\nEOF\necho {{x}}": "here-document",
    "a[ 1 ]=2; echo {{x}}": "a subscript with a blank",
    "awk '{print \"{{x}}\"}' f": "`awk` takes it as a part of its program",
    "python3 -c 'print({{x}})'": "`python3` takes it as a part of its program",
    "sed s/a/{{x}}/": "`sed` takes it as a part of its program",
    "sudo awk {{x}} f": "`awk` takes it as a part",
    "jq .{{x}} f": "`jq` takes it as a part of its program",
}
WARNED = {
    "{{x}}": "which program is run",
    "{{x}} --version": "which program is run",
    "$(which tool) {{x}}": "what an expansion gives",
    "sh -- {{x}}": "name of a file that `sh` runs",
    "sh ./{{x}} {{x}}": "name of a file that `sh` runs",
}
FINE = [
    "grep {{x}} f",
    "grep -e {{x}} -- {{x}}",
    "awk -v v={{x}} '{print v}' f",
    "awk '{print}' {{x}}",
    "python3 script.py {{x}}",
    "sh -c 'echo \"$1\"' sh {{x}}",
    "sh script.sh {{x}}",
    "bash -o pipefail script.sh {{x}}",
    "bash -e script.sh --name={{x}}",
    "export v={{x}} w='{{x}}'",
    "read -p {{x}} v",
    "printf '%s\\n' {{x}}",
    "printf 'a {{x}}\\n'",
    "[ {{x}} -gt 3 ]",
    'test -n "{{x}}" && echo a',
    "cat < {{x}} > {{x}} 2>> {{x}}",
    "cat <<< {{x}}",
    "case {{x}} in a | {{x}}) echo;; esac",
    "for i in {{x}}; do echo $i; done",
    "echo $(case a in a) echo {{x}};; esac)",
    "diff <(echo {{x}}) <(echo {{x}})",
    "a=({{x}} {{x}})",
    "echo {{x}} | tee {{x}} | wc",
    "ssh me@{{x}} uptime",
    "echo eval sh {{x}} | cat",
    "echo $((1 << 2)) {{x}}",
    "cat <<EOF; echo {{x}}\na $(date) `date` ${v}\nEOF\necho {{x}}",
    "$HOME/bin/tool {{x}}",
    "echo ${v:-\"a b\"} '{{x}}' ${v%%'}'} {{x}}",
]


def _check(make_payload: Any, problems: Any, **fields: Any) -> Any:
    if "command" in fields:
        fields["command"] = compile_template(fields["command"])
    ShellFacets().check(make_payload(**fields), problems)
    return problems


@pytest.mark.parametrize("command", REFUSED)
def test_a_place_that_cannot_be_made_safe_is_refused(make_payload: Any, problems: Any, command: str) -> None:
    why = REFUSED[command]
    _check(make_payload, problems, command=command)
    errors = [one for one in problems if one.severity is Severity.ERROR]
    if why is None:
        assert not errors or "dollar" in errors[0].message
        return
    assert why in errors[-1].message
    assert errors[0].code == "NIKA-052"
    assert all(word in errors[0].hint for word in ("argv", "env", "stdin"))
    columns = [offset + 1 for offset in range(len(command)) if command.startswith("{{x}}", offset)]
    assert {one.place.column for one in errors} <= set(columns)


@pytest.mark.parametrize("command", WARNED)
def test_a_doubtful_place_is_warned_of(make_payload: Any, problems: Any, command: str) -> None:
    (problem,) = _check(make_payload, problems, command=command)
    assert problem.severity is Severity.WARNING
    assert WARNED[command] in problem.message


@pytest.mark.parametrize("command", FINE)
def test_a_safe_place_is_left_alone(make_payload: Any, problems: Any, command: str) -> None:
    assert _check(make_payload, problems, command=command) == []


def test_every_refused_placeholder_is_named_at_its_column(make_payload: Any, problems: Any) -> None:
    _check(make_payload, problems, command="echo {{a}} `{{b}}` {{c}} $(({{d}}))")
    assert [(one.place.column, "{{b}}" in one.message or "{{d}}" in one.message) for one in problems] == [
        (13, True),
        (29, True),
    ]


def test_trust_is_warned_of_and_refuses_nothing(make_payload: Any, problems: Any) -> None:
    (problem,) = _check(make_payload, problems, command="eval {{x}}", trust=True)
    assert (problem.code, problem.severity) == ("NIKA-056", Severity.WARNING)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "nothing to run"),
        ({"command": "a", "argv": ["a"]}, "command and argv are both given"),
        ({"command": " "}, "command is empty"),
        ({"argv": [""]}, "argv is empty"),
        ({"argv": ["a"], "env": {"A=B": "c"}}, "'A=B' cannot be the name"),
    ],
)
def test_a_payload_that_makes_no_sense_is_refused(make_payload: Any, problems: Any, fields: Any, told: str) -> None:
    (problem,) = _check(make_payload, problems, **fields)
    assert told in problem.message
    assert problem.severity is Severity.ERROR


def test_a_working_dir_that_is_a_file_is_refused(make_payload: Any, problems: Any) -> None:
    (make_payload().folder / "f").write_text("")
    (problem,) = _check(make_payload, problems, command="a", workingDir="f")
    assert "is not a folder" in problem.message


def _render(command: str, *values: Any) -> Any:
    return put_together(compile_template(command), values)


def test_a_script_has_references_where_its_values_were() -> None:
    made = _render("grep {{a}} \"b {{b}}\" 'c {{a}}'", "x y", {"k": [1, "ä"]}, "x y")
    assert made["script"] == 'grep "${NIKA_V0}" "b ${NIKA_V1}" \'c \'"${NIKA_V0}"\'\''
    assert made["values"] == {"NIKA_V0": "x y", "NIKA_V1": '{"k":[1,"ä"]}'}


def test_a_value_that_no_variable_can_hold_is_refused_and_never_cut() -> None:
    fits = 128 * 1024 - len("NIKA_V0=") - 1
    assert len(_render("a {{x}}", "x" * fits)["values"]["NIKA_V0"]) == fits
    with pytest.raises(TemplateValueError) as caught:
        _render("a {{x}}", "x" * (fits + 1))
    assert caught.value.code == "NIKA-058"
    assert "stdin" in (caught.value.hint or "")
    with pytest.raises(TemplateValueError) as caught:
        _render(" ".join(f"{{{{x{n}}}}}" for n in range(100)), *["x" * 100_000] * 100)
    assert caught.value.code == "NIKA-058"
    with pytest.raises(TemplateValueError, match="NUL"):
        _render("a {{x}}", "a\0b")
    with pytest.raises(TemplateValueError, match="surrogate"):
        _render("a {{x}}", "\ud800")


def test_a_value_as_large_as_allowed_arrives_whole(tmp_path: Any) -> None:
    import os
    import subprocess

    made = _render("printf %s {{x}} | wc -c", "ä" * 65_000)
    environment = {"PATH": os.environ["PATH"], **made["values"]}
    ended = subprocess.run(["/bin/sh", "-c", made["script"]], env=environment, capture_output=True, check=True)
    assert int(ended.stdout) == 130_000


def test_an_unsafe_command_is_no_script_even_when_nobody_has_checked_it() -> None:
    made = _render("eval {{x}}", "a")
    assert made["script"] is None
    assert "eval" in made["unsafe"]
    assert made["text"] == "eval a"


async def test_trust_alone_puts_text_into_the_command(context: Any) -> None:
    from nika_keyword_shell.step import ShellStep

    output: Any = await ShellStep().run({"command": _render("printf '<%s>' {{x}}", "a b")}, context)
    assert output.value == "<a b>"
    output = await ShellStep().run({"command": _render("printf '<%s>' {{x}}", "a b"), "trust": True}, context)
    assert output.value == "<a><b>"
    with pytest.raises(TaskError) as caught:
        await ShellStep().run({"command": _render("eval {{x}}", "a b")}, context)
    assert caught.value.code == "NIKA-052"


def test_what_is_shown_of_a_command_is_what_runs() -> None:
    shown = ShellFacets().redact({"command": _render("grep {{x}}", "a b"), "trust": True})
    assert shown["command"] == "grep a b"
    shown = ShellFacets().redact({"command": _render("grep {{x}}", "a b")})
    assert shown["command"] == {"script": 'grep "${NIKA_V0}"', "values": {"NIKA_V0": "a b"}}
    assert ShellFacets().redact({"command": _render("ls")})["command"] == "ls"


async def test_the_tool_runs_the_models_command_and_tells_its_exit_code(context: Any) -> None:
    from nika_keyword_shell.step import ShellStep

    (tool,) = await ShellFacets().tools("", context)
    assert (tool.name, tool.keyword, tool.spec.name) == ("shell", "shell", "shell")
    output: Any = await ShellStep().run(tool.payload({"command": "echo '{{x}} ${input.y}'; exit 3"}), context)
    assert output.value == {"exitCode": 3, "stdout": "{{x}} ${input.y}", "stderr": ""}
    output = await ShellStep().run(tool.payload({"argv": ["echo", "$HOME"]}), context)
    assert output.value["stdout"] == "$HOME"
    bad: list[dict[str, Any]] = [{}, {"command": 1}, {"command": "a", "argv": ["a"]}, {"argv": []}, {"cmd": "a"}]
    for arguments in bad:
        with pytest.raises(ValueError, match=r"give either|is a text|is a list|no argument"):
            tool.payload(arguments)
    with pytest.raises(TaskError, match="no tool shell::x"):
        await ShellFacets().tools("x", context)


def test_a_tool_below_shell_is_told_before_a_run(make_payload: Any, problems: Any) -> None:
    for reference in ("", "*", "rm"):
        ShellFacets().check_tool(reference, make_payload(), problems)
    assert [(one.message, one.code) for one in problems] == [("there is no tool shell::rm", "NIKA-018")]


def test_effects_name_the_command_and_the_folder(make_payload: Any) -> None:
    command = compile_template("rm {{x}}")
    assert isinstance(command, Template)
    effects = ShellFacets().effects(make_payload(command=command, workingDir="sub"))
    assert [(one.kind, one.target) for one in effects] == [("process", "rm {{x}}"), ("path", "sub")]
    effects = ShellFacets().effects(make_payload(argv=["rm", compile_template("{{x}}"), "a b"]))
    assert effects[0].target == "rm {{x}} 'a b'"


@pytest.mark.parametrize("piece", ["$(", "<<A ", "(<<A)", "sh ", "a=(b)", "{{x}}|", "$({{x}}", "exec ", "case a in "])
def test_a_hostile_command_takes_no_more_than_linear_work(piece: str) -> None:
    def calls(length: int) -> int:  # counted, not timed: a busy machine changes times
        parts = (piece * (length // len(piece)) + "{{x}}| sh").split("{{x}}")
        counted: list[str] = []
        before = sys.getprofile()
        sys.setprofile(lambda _frame, event, _argument: counted.append(event))
        try:
            scan(parts)
        finally:
            sys.setprofile(before)
        return len(counted)

    calls(2_000)  # imports and compiles what is needed
    assert calls(8_000) < 6 * calls(2_000)  # linear: 4 times; squared: 16 times


def test_a_command_that_can_never_run_is_refused_before_it_is_looked_at(make_payload: Any, problems: Any) -> None:
    (problem,) = _check(make_payload, problems, command="echo {{x}} " + "a" * 131_072)
    assert "131072 bytes" in problem.message
    assert "file" in problem.hint


def test_a_value_that_decides_which_program_runs_is_warned_of(make_payload: Any, problems: Any) -> None:
    (problem,) = _check(make_payload, problems, argv=[compile_template("{{x}}"), "a"])
    assert problem.severity is Severity.WARNING
    _check(make_payload, problems, argv=["ls", compile_template("{{x}}")])
    assert len(problems) == 1


def test_a_reference_to_what_captured_json_does_not_have_is_found_before_a_run() -> None:
    text = """\
tasks:
  - {id: try, shell: {command: "false", capture: json}}
  - {id: copy, set: "{{try.exitCode}} {{try.exit_code}}"}
"""
    (problem,) = validate_workflow(text)
    assert problem.message.endswith("what is known of the output of 'try' declares no 'exit_code'")
    assert problem.hint == "did you mean 'exitCode'?"
    assert validate_workflow(text.replace(", capture: json", "")) == ()
