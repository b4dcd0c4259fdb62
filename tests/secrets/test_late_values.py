"""`${secret.name}`: filled in by the attempt, masked, fetched once, and never recorded."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

import nika_core as nika
from nika_core import codes
from nika_core.engine.core.calls import call_json, call_of
from nika_core.engine.core.hashing import payload_hash
from nika_core.engine.core.messages import TaskCall
from nika_core.model.ids import NodeId
from nika_core.model.late_values import KnownValue, LateLeaf, LateText, LateValue, late_leaves
from nika_core.model.message import ToolCall
from nika_core.plugin import Category, LimitPolicy, Policy, Stage, TaskError, fields, hookimpl
from nika_core.testing import ScriptedModel, model_reply, run_workflow

from .conftest import STORED, TOKEN, Bench, Plugin, Vault, shown


def show(text: str, task: str = "a", **more: Any) -> dict[str, Any]:
    return {"id": task, "show": {"text": text, **more}}


def test_a_task_is_given_the_secret_alone_in_a_text_and_in_a_tree(bench: Bench) -> None:
    tree = {"whole": "${secret.token}", "list": ["x ${secret.token} ${input.n}"], "part": "${secret.login.user}"}
    result = bench.run(show("Bearer ${secret.token}", tree=tree), inputs={"n": "7"})

    given = {"whole": TOKEN, "list": [f"x {TOKEN} 7"], "part": "ada"}
    assert shown(result) == {"text": f"Bearer {TOKEN}", "tree": given}


def test_a_secret_is_fetched_once_for_all_tasks_outside_of_the_runs_thread(bench: Bench) -> None:
    items = {"id": "b", "forEach": ["1", "2", "3"], "show": "${each.item} ${secret.token}"}
    loop = {
        "id": "c",
        "repeat": {"until": "{{c}} == ''", "max": 2, "onExhausted": "continue"},
        "show": "${secret.token}",
    }
    result = bench.run(show("${secret.token}"), items, loop)

    assert result.succeeded
    assert [json.loads(each[::-1])["text"] for each in result.tasks[1].output] == [f"{n} {TOKEN}" for n in "123"]
    assert Vault.asked == ["token"]
    assert threading.get_ident() not in Vault.threads


def test_what_reads_like_a_placeholder_is_text_unless_the_author_wrote_it(bench: Bench) -> None:
    first = {"id": "first", "shell": {"argv": ["printf", "%s", r"\${secret.token}"]}}
    result = bench.run(first, show("{{first}} ${input.x} ${secret.marker}"), inputs={"x": "${secret.token}"})

    assert shown(result)["text"] == "${secret.token} ${secret.token} ${secret.other-value}"
    assert Vault.asked == ["marker"]


def test_a_secret_in_a_command_is_data(bench: Bench) -> None:
    task = {
        "id": "a",
        "shell": {"command": 'printf "%s\\n" "${secret.quotes}" | rev; printf %s "$T" | wc -c | tr -d " "'},
    }
    task["shell"]["env"] = {"T": "Bearer ${secret.quotes}"}
    result = bench.run(task)

    assert result.output.splitlines() == [STORED["quotes"][::-1], str(len(f"Bearer {STORED['quotes']}"))]
    assert not (bench.folder / "pwned").exists()


def test_a_secret_is_masked_wherever_a_task_shows_it(bench: Bench) -> None:
    tasks = [
        {"id": "echo", "shell": {"argv": ["echo", "is ${secret.token}"]}},
        {"id": "reads", "shell": "echo {{echo}} | grep -c " + TOKEN[:8]},  # a task is given the value itself
        {"id": "fails", "onError": "continue", "show": {"text": "${secret.token}", "fails": True}},
        {"id": "exits", "onError": "continue", "shell": {"argv": ["ls", "/no/${secret.token}"]}},
    ]
    result = bench.run(*tasks)

    outputs = {task.id: task.output for task in result.tasks}
    assert (outputs["echo"], outputs["reads"]) == ("is ***", "1")
    errors = {task.id: task.failure.message for task in result.tasks if task.failure}
    assert errors["fails"] == "refused ***"
    assert "/no/***" in errors["exits"]
    assert TOKEN not in f"{result}{bench.kept()}"


def test_neither_validate_nor_plan_nor_a_mocked_run_asks_a_source(bench: Bench) -> None:
    bench.write(show("Bearer ${secret.token} ${secret.nobody_has_it}"))
    assert not bench.problems(show("Bearer ${secret.token} ${secret.nobody_has_it}"))
    planned = nika.plan("w.nika.yaml", plugins=[Plugin()])
    assert planned.tasks[0].payload["text"] == "Bearer ${secret.token} ${secret.nobody_has_it}"
    assert bench.run(mock=True).succeeded
    assert Vault.asked == []


def test_a_default_stands_in_for_a_secret_that_no_source_has(bench: Bench) -> None:
    result = bench.run(
        show("${secret.absent ?? 'x'} ${input.none ?? secret.token} ${secret.absent ?? input.y ?? 'z'}"),
        show("${input.y ?? secret.other}", "b"),
        inputs={"y": "why"},
    )

    assert shown(result)["text"] == f"x {TOKEN} why"
    assert shown(result, "b")["text"] == "why"
    assert Vault.asked == ["absent", "token"]  # what comes after a value is not asked for


def test_a_secret_that_no_source_has_names_all_that_were_asked(bench: Bench) -> None:
    failure = bench.run(show("${secret.absent}")).tasks[0].failure

    assert failure.code == codes.MISSING_SECRET
    none = bench.folder / "none" / "absent"
    assert failure.message == (
        f"the secret 'absent': no secret source has it; asked: files ($ABSENT_FILE, $absent_FILE, {none}), "
        "dictionary (a dictionary)"
    )


@pytest.mark.parametrize(
    ("error", "asked", "message"),
    [
        (TaskError("it is down", category=Category.NETWORK), 2, None),
        (TaskError("it is sealed", category=Category.CONFIG), 1, "it is sealed (asked before it, without result: "),
        (ValueError(f"{TOKEN} is odd"), 1, "fails in `fetch` with ValueError"),
        (SystemExit(3), 1, "fails in `fetch` with SystemExit"),
    ],
)
def test_a_source_that_fails_fails_the_attempt_and_is_asked_again_only_if_that_may_help(
    bench: Bench, error: BaseException, asked: int, message: str | None
) -> None:
    Vault.failures = [error]
    result = bench.run({**show("${secret.token ?? 'never'}"), "retry": {"max": 3, "backoff": "1ms"}})

    assert len(Vault.asked) == asked
    if message is None:
        assert shown(result)["text"] == TOKEN
    else:
        assert message in result.tasks[0].failure.message
        assert TOKEN not in f"{result}{bench.kept()}"


def test_a_source_that_does_not_answer_is_a_timeout(bench: Bench) -> None:
    class Silent(Plugin):
        def __init__(self) -> None:
            super().__init__(source=f"{__name__}:SilentVault", timeout=0.05)

    bench.write(show("${secret.token}"))
    failure = nika.run("w.nika.yaml", plugins=[Silent()]).tasks[0].failure
    assert failure.category is Category.TIMEOUT
    assert "the secret source 'dictionary' did not return 'token' within 0.05 s" in failure.message


class SilentVault(Vault):
    async def fetch(self, name: str) -> str | None:
        await asyncio.Event().wait()
        return None


def test_a_source_that_blocks_its_thread_holds_up_nothing_else(bench: Bench) -> None:
    class Blocking(Plugin):
        def __init__(self) -> None:
            super().__init__(source=f"{__name__}:BlockingVault", timeout=0.05)

    SlowVault.go = threading.Event()
    bench.write(show("${secret.token}"), show("x", "b"))
    try:
        result = nika.run("w.nika.yaml", plugins=[Blocking()])
    finally:
        SlowVault.go.set()
    assert result.tasks[0].failure.category is Category.TIMEOUT
    assert result.tasks[1].state == "success"


class BlockingVault(Vault):
    async def fetch(self, name: str) -> str | None:
        SlowVault.go.wait(30)
        return None


def test_a_value_too_short_to_be_masked_is_told(bench: Bench) -> None:
    result = bench.run(show("${secret.pin}"))
    assert shown(result)["text"] == "1234"
    notices = [event.data["message"] for event in bench.events if event.kind == "notice"]
    assert notices == ["the secret 'pin' has fewer than 6 characters: it is not masked"]


def test_a_keyword_may_fetch_a_secret_by_itself(bench: Bench) -> None:
    result = bench.run(show("x", fetch="token"))
    assert result.output == TOKEN[::-1]
    assert TOKEN not in bench.kept()
    assert bench.run(show("x", fetch="absent")).tasks[0].failure.code == codes.MISSING_SECRET


def test_a_workflow_inside_names_its_secrets_itself(bench: Bench) -> None:
    child = {"inputs": {"n": {"type": "string"}}, "tasks": [show("${input.n} ${secret.token}", "inner")]}
    tasks = {"id": "outer", "workflow": {"use": "child", "with": {"n": "1"}}}
    result = bench.run(tasks, root={"workflows": {"child": child}})
    assert json.loads(result.output[::-1])["text"] == f"1 {TOKEN}"


def test_cleanup_and_a_task_after_a_failure_are_given_secrets_too(bench: Bench) -> None:
    cleanup = {"id": "clean", "always": True, "show": "${secret.token}"}
    handler = {"id": "told", "when": "${state.bad} == 'failed'", "show": "${secret.login.password}"}
    result = bench.run({"id": "bad", "fail": "no"}, handler, cleanup)
    assert shown(result, "clean")["text"] == shown(result, "told")["text"] == TOKEN


def test_a_resumed_run_asks_again_and_takes_what_had_no_secret_in_its_output(bench: Bench) -> None:
    tasks = [
        show("${secret.token}"),
        {"id": "late", "shell": "test -e go && echo {{a}} | wc -c"},
    ]
    first = bench.run(*tasks)
    assert not first.succeeded
    (bench.folder / "go").touch()
    STORED_BEFORE = dict(STORED)
    try:
        STORED["token"] = "another-value-now"  # rotated: the name counts, not the value
        again = nika.resume(first.run_id, plugins=[Plugin()])
    finally:
        STORED.update(STORED_BEFORE)
    assert again.succeeded
    assert [task.reused for task in again.tasks] == [True, False]
    assert Vault.asked == ["token"]


def test_an_output_that_held_a_secret_is_made_again_on_resuming(bench: Bench) -> None:
    echo = {"id": "a", "shell": {"argv": ["echo", "${secret.token}"]}}
    first = bench.run(echo, {"id": "b", "shell": "test -e go && printf %s {{a}} | wc -c | tr -d ' '"})
    (bench.folder / "go").touch()
    Vault.asked = []
    again = nika.resume(first.run_id, plugins=[Plugin()])
    assert again.output == str(len(TOKEN))
    assert Vault.asked == ["token"]


def test_an_executor_elsewhere_is_sent_the_name_and_never_the_value() -> None:
    shown_text = "Bearer ${secret.token} 7"
    text = LateText(shown_text, "Bearer ${secret.token} ${input.n}", [LateValue((0,), ("d",)), KnownValue("7")])
    payload = {"url": "https://x.test", "headers": {"Authorization": text}}
    call = TaskCall(NodeId("a"), "http", 1, "r/a#1", payload, late=late_leaves(payload))

    sent = json.loads(json.dumps(call_json(call)))
    assert sent["payload"]["headers"] == {"Authorization": shown_text}
    assert call_of(sent).late == (LateLeaf(("headers", "Authorization"), text.template, text.values),)
    assert call_of(json.loads(json.dumps(call_json(call_of(sent))))) == call_of(sent)


def test_a_payload_is_hashed_by_the_secrets_name() -> None:
    written = {"text": "${secret.token}"}
    late = {"text": LateText("${secret.token}", "${secret.token}", [LateValue((0,))])}
    other = {"text": LateText("${secret.other}", "${secret.other}", [LateValue((0,))])}
    hashes = {payload_hash(each, {}) for each in (written, late, other)}
    assert len(hashes) == 3  # and not that of a text which reads alike
    assert payload_hash(late, {}) == payload_hash(dict(late), {})


@pytest.mark.parametrize(
    ("task", "root", "column_of", "why"),
    [
        ({"id": "a", "when": "${secret.s} == 'x'", "show": "x"}, {}, "${secret.s}", "`when` is looked at"),
        ({"id": "a", "forEach": "${secret.s}", "show": "x"}, {}, "${secret.s}", "`items` is looked at"),
        ({"id": "a", "forEach": [{"k": "${secret.s}"}], "show": "x"}, {}, "${secret.s}", "is looked at"),
        (
            {"id": "a", "forEach": {"items": "${input.l}", "key": "${secret.s}"}, "show": "x"},
            {},
            "${secret.s}",
            "`key` is",
        ),
        (
            {"id": "a", "repeat": {"until": "{{a}} == 'x' && ${secret.s} == '1'", "max": 2}, "show": "x"},
            {},
            "${secret.s}",
            "`until`",
        ),
        ({"id": "a", "onError": {"value": "${secret.s}"}, "show": "x"}, {}, "${secret.s}", "`value` is looked at"),
        ({"id": "a", "timeout": "${secret.s}", "show": "x"}, {}, "${secret.s}", "`timeout` is fixed before"),
        ({"id": "a", "show": {"text": "x", "count": "${secret.s}"}}, {}, "${secret.s}", "`count` is checked before"),
        ({"id": "a", "show": "${secret.s | length}"}, {}, "${secret.s |", "a pipe looks at its value"),
        ({"id": "a", "show": "${input.x ?? secret.s | trim}"}, {}, "${input.x", "a pipe looks at its value"),
        ({"id": "a", "set": {"k": "${secret.s}"}}, {}, "${secret.s}", "`set` does nothing outside"),
        ({"id": "a", "ask": "${secret.s}?"}, {}, "${secret.s}", "`ask` does nothing outside"),
        ({"id": "a", "fail": "${secret.s}"}, {}, "${secret.s}", "`fail` does nothing outside"),
        ({"id": "a", "llm": "${secret.s}"}, {"agent": {"model": "mock"}}, "${secret.s}", "a model would be given it"),
        (
            {"id": "a", "llm": "x"},
            {"agent": {"model": "mock", "systemPrompt": "${secret.s}"}},
            "${secret.s}",
            "a model would be given it",
        ),
        ({"id": "a", "show": "x"}, {"outputs": {"o": "${secret.s}"}}, "${secret.s}", "part of the workflow's output"),
        ({"id": "a", "show": "x"}, {"env": {"T": "${secret.s}"}}, "${secret.s}", "`T` is fixed before any task runs"),
        (
            {"id": "a", "workflow": {"use": "w", "with": {"t": "${secret.s}"}}},
            {"workflows": {"w": {"tasks": [{"id": "b", "show": "x"}], "inputs": {"t": {"type": "string"}}}}},
            "${secret.s}",
            "hands it to another workflow",
        ),
    ],
)
def test_a_secret_is_an_error_with_its_place_where_somebody_would_look_at_it(
    bench: Bench, task: dict[str, Any], root: dict[str, Any], column_of: str, why: str
) -> None:
    (problem,) = bench.problems(task, **root)
    text = (bench.folder / "w.nika.yaml").read_text()
    assert problem.code == codes.VALUE_NOT_ALLOWED_HERE
    assert "a secret cannot stand here: " in problem.message
    assert why in problem.message
    assert problem.place.column == text.index(column_of) + 1


def test_a_condition_of_a_flow_cannot_look_at_a_secret(bench: Bench) -> None:
    flows = [{"source": "a", "target": "b", "condition": "${secret.s} == 'x'"}]
    (problem,) = bench.problems(show("x"), show("y", "b"), flows=flows)
    assert "a condition looks at it" in problem.message


def test_a_name_that_no_secret_can_have_is_an_error(bench: Bench) -> None:
    (problem,) = bench.problems(show("${secret." + "x" * 201 + "}"))
    assert "has 201 characters; a secret's has at most 200" in problem.message


def test_a_models_arguments_are_never_filled_in(bench: Bench) -> None:
    call = ToolCall("c1", "shell", {"argv": ["echo", "${secret.token}"]})
    model = ScriptedModel(model_reply("", call), model_reply("done"))
    text = "agent: {model: scripted}\ntasks:\n- id: a\n  allowedTools: [shell]\n  subagent: go\n"
    outcome = run_workflow(text, model=model)
    assert outcome.output == "done"
    assert "${secret.token}" in str(model.requests[1].messages[-1])


def test_a_project_may_block_all_sources(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIKA_PLUGINS_BLOCK", "secret_sources:keyring,secret_sources:files,secret_sources:dictionary")
    failure = bench.run(show("${secret.token}")).tasks[0].failure
    assert failure.message == "the secret 'token': no secret source may be used"


def test_a_path_that_a_secret_does_not_have_is_an_error_without_its_value(bench: Bench) -> None:
    result = bench.run(show("${secret.token.user}"), show("${secret.login.nobody}", "b"))
    assert [task.failure.category for task in result.tasks] == [Category.TEMPLATE, Category.TEMPLATE]
    messages = [task.failure.message for task in result.tasks]
    assert messages[0] == "in 'text': ${secret.token.user}: the secret 'token' is text, and has no part 'user'"
    assert messages[1].startswith("in 'text': ${secret.login.nobody}: ")
    assert TOKEN not in f"{result}{bench.kept()}"


def test_the_lines_of_a_key_are_masked_one_by_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----"
    monkeypatch.setitem(STORED, "key", key)
    result = bench.run({"id": "a", "shell": {"command": 'echo "$K" | sed -n 2p', "env": {"K": "${secret.key}"}}})
    assert result.output == "***"
    assert "MIIEvQIBADANBgkqhkiG" not in bench.kept()


def test_a_plan_lists_the_secrets_that_each_task_is_given(bench: Bench) -> None:
    servers = {"s": {"command": "x", "env": {"K": "${secret.key}"}}}
    (bench.folder / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    bench.write(show("${secret.token} ${input.x ?? secret.login.user ?? ''}"), {"id": "b", "mcp": "s::tool"})
    planned = nika.plan("w.nika.yaml", plugins=[Plugin()], inputs={"x": "1"})
    effects = [[effect.target for effect in task.effects if effect.kind == "secret"] for task in planned.tasks]
    assert effects == [["token", "login"], ["key"]]


def test_settings_of_a_source_count_only_if_the_user_trusts_the_project_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Settled(Plugin):
        def __init__(self) -> None:
            settings = fields.Map({"where": fields.Str()})
            super().__init__(source=f"{__name__}:SettledVault", settings=settings)

    bench.write(show("${secret.any}"))
    (bench.folder / "nika.yaml").write_text("dictionary: {where: there}")
    monkeypatch.setenv("NIKA_TRUST", "1")
    assert shown(nika.run("w.nika.yaml", plugins=[Settled()]))["text"] == "{'where': 'there'}"
    monkeypatch.setenv("NIKA_TRUST", "0")
    assert shown(nika.run("w.nika.yaml", plugins=[Settled()]))["text"] == "no settings"
    (bench.folder / "nika.yaml").write_text("files: {where: there}")
    with pytest.raises(nika.ProblemsError, match="unknown key `files`"):
        nika.run("w.nika.yaml", plugins=[Settled()])


class SettledVault(Vault):
    async def fetch(self, name: str) -> str | None:
        settings = self.setup.settings
        return "no settings" if not settings else str(dict(settings))


def test_cancelling_one_task_leaves_the_secret_to_the_others(bench: Bench) -> None:
    class Slow(Plugin):
        def __init__(self) -> None:
            super().__init__(source=f"{__name__}:SlowVault")

    SlowVault.go = threading.Event()
    bench.write({**show("${secret.token}"), "timeout": "100ms"}, {**show("${secret.token}", "b"), "retry": {"max": 1}})

    def release(event: Any) -> None:
        if event.kind == "task.failed":
            SlowVault.go.set()

    result = nika.run("w.nika.yaml", plugins=[Slow()], on_event=release)
    assert [task.state for task in result.tasks] == ["failed", "success"]
    assert Vault.asked == ["token"]


class SlowVault(Vault):
    go: threading.Event

    async def fetch(self, name: str) -> str | None:
        await asyncio.to_thread(SlowVault.go.wait, 30)
        return await super().fetch(name)


class Watchful(Policy):
    seen: list[Any]

    def admit(self, request: Any) -> None:
        if request.stage is Stage.TASK:
            Watchful.seen.append(request)


class Watched(Plugin):
    @hookimpl
    def nika_limit_policies(self) -> Any:
        yield LimitPolicy(name="watchful", summary="Looks.", policy=f"{__name__}:Watchful")


def test_a_policy_sees_where_a_task_goes_and_no_secret(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    Watchful.seen, Vault.failures = [], [TaskError("it is down", category=Category.NETWORK)]
    monkeypatch.setitem(STORED, "hook", f"http://127.0.0.1:1/{TOKEN}")
    hook = {"id": "a", "onError": "continue", "retry": {"max": 2, "backoff": "1ms"}, "http": {"url": "${secret.hook}"}}
    shell = {"id": "b", "shell": {"argv": ["echo", "${secret.token}", "{{a ?? ''}}"]}}
    bench.write(hook, shell)
    nika.run("w.nika.yaml", plugins=[Watched()])

    requests = {request.task_id: request for request in Watchful.seen}
    assert requests["a"].hosts == ("127.0.0.1:1",)
    assert requests["b"].payload["argv"] == ["echo", "***", ""]
    assert Vault.asked == ["hook", "hook", "token"]  # what failed for now was an attempt, and asked again
    assert TOKEN not in str(Watchful.seen)
