"""The step runs real commands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nika_keyword_shell.facets import ShellFacets
from nika_keyword_shell.step import ShellStep

from nika_core.errors import Category, TaskError, TemplateValueError
from nika_core.plugin import StepOutput
from nika_core.template.compiler import compile_template


async def _run(context: Any, **payload: Any) -> Any:
    if isinstance(payload.get("command"), str):
        payload["command"] = ShellFacets().render("command", payload["command"], ())
    output = await ShellStep().run(payload, context)
    return output.value if isinstance(output, StepOutput) else output


async def test_stdout_is_the_output_right_stripped(context: Any) -> None:
    assert await _run(context, command="printf '  a\\n\\n'; echo b >&2") == "  a"
    assert "".join(context.chunks) == "  a\n\nb\n"


@pytest.mark.parametrize(
    ("capture", "output"),
    [
        ("stderr", "b"),
        ("both", "a\nb"),
        ("json", {"exitCode": 0, "stdout": "a", "stderr": "b"}),
    ],
)
async def test_capture_says_what_the_output_is(context: Any, capture: str, output: Any) -> None:
    assert await _run(context, command="echo a; echo b >&2", capture=capture) == output


async def test_an_exit_code_fails_the_task_with_the_end_of_stderr(context: Any) -> None:
    with pytest.raises(TaskError, match="exit code 3: no such thing") as caught:
        await _run(context, command="echo partly; echo no such thing >&2; exit 3")
    assert caught.value.category is Category.EXECUTION
    assert caught.value.output == "partly"


async def test_json_capture_never_fails_on_the_exit_code(context: Any) -> None:
    assert await _run(context, command="exit 3", capture="json") == {"exitCode": 3, "stdout": "", "stderr": ""}


async def test_argv_runs_without_a_shell(context: Any) -> None:
    assert await _run(context, argv=["printf", "%s|", "$HOME", "a b"]) == "$HOME|a b|"


async def test_stdin_is_text_or_json(context: Any) -> None:
    assert await _run(context, command="cat", stdin="ä\nb") == "ä\nb"
    assert await _run(context, command="cat", stdin={"a": [1, None, "ü"]}) == '{"a":[1,null,"ü"]}'
    assert await _run(context, command="cat") == ""


async def test_env_and_the_tasks_key_reach_the_command(context: Any) -> None:
    assert await _run(context, command='echo "$A $NIKA_TASK_KEY"', env={"A": "1"}) == f"1 {context.key}"


async def test_working_dir_is_relative_to_the_workflows_folder(context: Any) -> None:
    (context.folder / "sub").mkdir()
    assert await _run(context, command="pwd", workingDir="sub") == str(context.folder / "sub")
    with pytest.raises(TaskError, match="missing does not exist"):
        await _run(context, command="pwd", workingDir="missing")


def test_a_value_does_not_lead_the_working_dir_out_of_its_folder() -> None:
    template: Any = compile_template("sub/{{x}}")
    assert ShellFacets().render("workingDir", template, ["a"]) == "sub/a"
    with pytest.raises(TemplateValueError, match="leads out of the folder sub"):
        ShellFacets().render("workingDir", template, ["../.."])


async def test_a_whole_path_that_a_task_prints_lies_in_the_workflows_folder(
    context: Any, tmp_path_factory: Any
) -> None:
    template: Any = compile_template("{{x}}")
    (context.folder / "sub").mkdir()
    outside = tmp_path_factory.mktemp("outside")
    (context.folder / "link").symlink_to(outside)
    for inside in (context.folder, context.folder / "sub", context.folder / "sub" / ".." / "sub"):
        folder = ShellFacets().render("workingDir", template, [str(inside)])
        assert await _run(context, command="pwd", workingDir=folder) == str(inside.resolve())
    for elsewhere in (outside, context.folder / "link", context.folder / "..", "/"):
        folder = ShellFacets().render("workingDir", template, [str(elsewhere)])
        with pytest.raises(TaskError, match="leads out of the workflow's folder") as raised:
            await _run(context, command="touch MARK", workingDir=folder)
        assert "${run.folder}/" in (raised.value.hint or "")
    assert not list(outside.iterdir())


async def test_output_beyond_the_limit_is_counted_and_not_kept(make_context: Any) -> None:
    output = await ShellStep().run({"command": "yes | head -c 500000"}, make_context(max_output=2000))
    assert isinstance(output, StepOutput)
    assert isinstance(output.value, str)
    assert len(output.value) <= 2000
    assert output.original_bytes == 500_000


async def test_json_capture_stays_within_the_limit_and_says_what_was_cut(make_context: Any) -> None:
    output = await _run(
        make_context(max_output=2000), command="yes '\"' | head -c 500000; yes | head -c 9000 >&2", capture="json"
    )
    assert "[TRUNCATED: 500000 bytes" in output["stdout"]
    assert "[TRUNCATED: 9000 bytes" in output["stderr"]


async def test_json_capture_cuts_nothing_that_fits_and_tells_the_kernel_what_it_cut(make_context: Any) -> None:
    fits = await ShellStep().run(
        {"command": "yes | head -c 1800 >&2", "capture": "json"}, make_context(max_output=4000)
    )
    cut = await ShellStep().run({"command": "yes | head -c 9000", "capture": "json"}, make_context(max_output=2000))
    assert "TRUNCATED" not in str(fits.value)
    assert fits.original_bytes is None
    assert cut.original_bytes > 2000


async def test_a_missing_command_is_named(context: Any) -> None:
    with pytest.raises(TaskError, match=r"exit code 127.*nosuchprogram"):
        await _run(context, command="nosuchprogram")
    with pytest.raises(TaskError, match="command not found: 'nosuchprogram'") as caught:
        await _run(context, argv=["nosuchprogram"])
    assert caught.value.category is Category.CONFIG


async def test_a_signal_is_named(context: Any) -> None:
    with pytest.raises(TaskError, match="killed by SIGKILL"):
        await _run(context, command="kill -9 $$")


async def test_cancelling_ends_the_whole_group(context: Any) -> None:
    pid_file = context.folder / "pid"
    task = asyncio.ensure_future(_run(context, command=f"sleep 60 & echo $! > {pid_file}; echo up; wait"))
    while not context.chunks:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    import os

    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


async def test_what_runs_on_in_the_background_is_ended_and_told(context: Any) -> None:
    assert await _run(context, command="setsid sleep 60 >/dev/null 2>&1 & echo started") == "started"
    assert "ended" in context.notices[0].message
