"""Who hears that a question is open: every notifier of the project, once, whatever happens to the run in between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from ..signals.conftest import Done, Project

Configure = Callable[[str], None]
Told = Callable[..., list[Any]]
COMMAND = 'notify: [{command: [sh, -c, \'printf "%s\\n" "$(cat)" >> told\']}]\n'
PIGEON = "pigeon: {file: told, does: %s}\n"
ASK = '- {id: ask, ask: {message: "Go on?", show: {n: 1}, expires: 1h}}\n'


def run(project: Project, *options: str, code: int = 4) -> Done:
    done = project.nika("run", "w.nika.yaml", *options)
    assert done.code == code, done.err + done.out
    return done


@pytest.mark.parametrize("notifier", [COMMAND, PIGEON % "tell"])
def test_a_question_is_told_of_once_and_not_again_when_the_run_is_resumed(
    notifier: str, project: Project, configure: Configure, told: Told
) -> None:
    configure(notifier)
    project.write(ASK)
    run(project)
    (notice,) = told()
    assert (notice["task"], notice["message"], json.loads(notice["show"])) == ("ask", "Go on?", {"n": 1})
    assert (notice["workflow"], notice["attended"], "form" in notice) == ("w", False, False)
    assert notice["since"] < notice["expiresAt"]

    assert project.nika("resume", "last").code == 4
    assert project.nika("answer", "ask", "yes", "--resume").code == 0
    assert told() == [notice]


@pytest.mark.parametrize("notifier", [COMMAND, PIGEON % "tell"])
def test_the_notifiers_of_a_file_that_is_not_trusted_are_not_called(
    notifier: str, project: Project, configure: Configure, told: Told
) -> None:
    configure(notifier)
    project.write(ASK)
    project.environ["NIKA_TRUST"] = "0"
    done = run(project)
    assert told() == []
    assert f"`{notifier.partition(':')[0]}` of nika.yaml does not count" in done.err


def test_the_command_in_a_notice_answers_the_question(project: Project, configure: Configure, told: Told) -> None:
    configure(COMMAND)
    project.write("- {id: all, forEach: [one, two], ask: '${each.item}?'}\n")
    run(project)
    commands = [notice["command"] for notice in told()]
    assert all(command.endswith(" yes (or no)") for command in commands)
    for command in commands:
        words = command.removesuffix(" (or no)").split()
        assert project.nika(*words[1:]).code == 0
    assert project.nika("resume", "last").code == 0


def test_the_command_in_a_notice_does_not_answer_another_question_that_the_task_asks_later(
    project: Project, configure: Configure, told: Told
) -> None:
    configure(COMMAND)
    project.write("- {id: ask, ask: 'One?'}\n")
    run(project)
    project.write("- {id: ask, ask: 'Two?'}\n")
    assert project.nika("resume", "last").code == 4
    first, second = told()
    assert (first["message"], second["message"]) == ("One?", "Two?")
    assert first["key"] != second["key"]
    assert project.nika(*first["command"].removesuffix(" (or no)").split()[1:]).code == 2
    assert project.nika(*second["command"].removesuffix(" (or no)").split()[1:]).code == 0


def test_two_questions_are_two_notices_and_a_form_is_in_its_notice(
    project: Project, configure: Configure, told: Told
) -> None:
    configure(COMMAND)
    project.write(f"{ASK}- {{id: where, ask: {{message: 'Where?', form: {{to: {{type: string, enum: [a, b]}}}}}}}}\n")
    run(project)
    notices = {notice["task"]: notice for notice in told()}
    assert len(told()) == len(notices) == 2
    assert notices["where"]["form"]["to"]["enum"] == ["a", "b"]
    assert notices["where"]["command"].endswith("-i 'to=a|b'")
    assert len({notice["key"] for notice in told()}) == 2


def test_a_question_with_very_many_choices_is_told(project: Project, configure: Configure, told: Told) -> None:
    configure(COMMAND)
    choices = ", ".join(f"{'x' * 60}{number}" for number in range(3000))  # more than one variable can hold
    project.write(f"- {{id: where, ask: {{message: 'Where?', form: {{to: {{type: string, enum: [{choices}]}}}}}}}}\n")
    run(project)
    (notice,) = told()
    assert len(notice["form"]["to"]["enum"]) == 3000
    assert notice["command"].endswith("|...'")
    assert len(notice["command"]) < 1200


def test_a_question_that_is_asked_again_is_told_of_again(project: Project, configure: Configure, told: Told) -> None:
    configure(COMMAND)
    project.write(ASK)
    run(project)
    assert project.nika("resume", "last", "--from", "ask").code == 4
    first, second = told()
    assert (first["message"], first["key"] != second["key"]) == (second["message"], True)


def test_a_run_that_is_killed_while_a_notifier_is_told_tells_it_again_with_the_same_key(
    project: Project, configure: Configure, told: Told
) -> None:
    configure(PIGEON % "be_killed")
    project.write(ASK)
    assert project.nika("run", "w.nika.yaml").code == -9
    assert project.nika("resume", "last").code == 4
    assert project.nika("resume", "last").code == 4
    first, second = told()
    assert first == second


def test_a_run_that_is_killed_before_anybody_was_told_tells_it_when_it_is_resumed(
    project: Project, configure: Configure, told: Told
) -> None:
    configure(PIGEON % "be_killed_before")
    project.write(ASK)
    assert project.nika("run", "w.nika.yaml").code == -9
    assert told() == []
    for _ in range(2):
        assert project.nika("resume", "last").code == 4
        assert [notice["task"] for notice in told()] == ["ask"]


def test_a_notifier_that_fails_is_a_warning_and_is_told_again_but_no_other_one_is(
    project: Project, configure: Configure, told: Told
) -> None:
    configure(COMMAND.replace("]}]", "]}, {command: [sh, -c, 'echo no pigeons >&2; exit 1']}]"))
    project.write(ASK)
    warning = (
        "the notifier 'notify[1]' has not told of the question of `ask`: its command `sh` failed with exit code 1: "
        "no pigeons"
    )
    assert warning in run(project).err
    assert warning in project.nika("resume", "last").err
    assert len(told()) == 1


@pytest.mark.parametrize(
    ("does", "warning"),
    [
        ("refuse", "of the question of `ask`: the pigeon is tired"),
        ("fail", "the plugin for 'pigeon' (acme-pigeon 1.0) fails in `notify`: ZeroDivisionError: no feathers"),
        ("leave", "the plugin for 'pigeon' (acme-pigeon 1.0) fails in `notify`: SystemExit: 3"),
        ("cancel", "the plugin for 'pigeon' (acme-pigeon 1.0) fails in `notify`: CancelledError"),
        ("hang", "the notifier 'pigeon' has not told of the question of `ask` within 0.5 s"),
        ("sleep_in_thread", "the notifier 'pigeon' has not told of the question of `ask` within 0.5 s"),
        ("block", "the notifier 'pigeon' was not waited for: it may not have told of a question"),
    ],
)
def test_whatever_a_notifier_does_the_run_goes_on_and_names_it(
    does: str, warning: str, project: Project, configure: Configure
) -> None:
    configure(PIGEON % does)
    project.write(f"{ASK}- {{id: other, shell: echo done}}\n")
    begun = time.monotonic()
    done = run(project)
    assert time.monotonic() - begun < 60  # which is how long it hangs
    assert warning in done.err
    assert "other" in done.err


def test_a_notifier_that_blocks_does_not_delay_the_run(project: Project, configure: Configure, told: Told) -> None:
    configure(PIGEON % "wait_for_file")
    project.write(f"{ASK}- {{id: first, shell: echo go}}\n- {{id: go, shell: 'touch {{{{first}}}}'}}\n")
    done = run(project, "--format", "json")
    assert done.tasks["go"]["state"] == "success"
    assert len(told()) == 1


def test_nobody_is_told_by_validate_plan_or_a_mocked_run(project: Project, configure: Configure, told: Told) -> None:
    configure(COMMAND + PIGEON % "tell")
    project.write(ASK)
    (project.folder / "answers.yaml").write_text("ask: yes\n")
    assert project.nika("validate", "w.nika.yaml").code == 0
    assert project.nika("plan", "w.nika.yaml").code == 0
    run(project, "--mock", "--answers", "answers.yaml", code=0)
    run(project, "--mock", code=1)
    assert told() == []


def test_secrets_are_masked_and_a_long_value_is_cut(project: Project, configure: Configure, told: Told) -> None:
    configure(COMMAND)
    project.environ["ACME_TOKEN"] = "hunter2hunter2"
    project.write(
        "- {id: long, shell: \"printf '%05000d' 1\"}\n"
        "- {id: ask, ask: {message: 'Use ${env.ACME_TOKEN}?', show: ['${env.ACME_TOKEN}', '{{long}}']}}\n"
    )
    run(project)
    (notice,) = told()
    assert "hunter2" not in json.dumps(notice)
    assert notice["message"] == "Use ***?"
    assert notice["show"].startswith('["***"')
    assert len(notice["show"].encode()) == 4096
    assert notice["show"].endswith("→ 4096 bytes]")


def test_a_notifier_whose_settings_change_is_told_of_what_is_open(
    project: Project, configure: Configure, told: Told
) -> None:
    configure(PIGEON % "tell")
    project.write(ASK)
    run(project)
    configure("pigeon: {file: new}\n" + COMMAND)
    assert project.nika("resume", "last").code == 4
    assert len(told("new")) == 1
    assert [notice["key"] for notice in told()] == [told("new")[0]["key"]] * 2


def test_the_history_says_which_notifier_was_told(project: Project, configure: Configure) -> None:
    configure(PIGEON % "tell")
    project.write(ASK)
    events = [json.loads(line) for line in run(project, "--format", "jsonl").out.splitlines()]
    (notified,) = [event for event in events if event["event"] == "question.notified"]
    assert (notified["task"], notified["data"]["notifier"]) == ("ask", "pigeon")


def test_a_command_has_the_notice_in_its_environment_and_runs_in_the_projects_folder(
    project: Project, configure: Configure
) -> None:
    configure("notify: [{command: [sh, -c, 'echo \"$NIKA_TASK: $NIKA_QUESTION $1\" > told', sh, '${env.WHO}']}]\n")
    project.environ["WHO"] = "$(id) {{x}}"
    (project.folder / "deep").mkdir()
    project.write("- {id: ask, ask: 'Really; $(id)?'}\n")
    (project.folder / "w.nika.yaml").rename(project.folder / "deep" / "w.nika.yaml")
    assert project.nika("run", "deep/w.nika.yaml").code == 4
    assert (project.folder / "told").read_text() == "ask: Really; $(id)? $(id) {{x}}\n"


def test_a_question_whose_time_was_over_while_nothing_ran_is_not_told(
    project: Project, configure: Configure, told: Told
) -> None:
    configure(PIGEON % "be_killed")  # in the middle of it: the question is open when its time is over
    project.write("- {id: ask, ask: {message: 'Go on?', expires: 50ms, default: yes}}\n")
    assert project.nika("run", "w.nika.yaml").code == -9
    assert len(told()) == 1
    assert project.nika("resume", "last").code == 0
    assert len(told()) == 1
