"""Questions through pauses, kills, two people and changes: what counts is the first answer to what was shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import nika_core as nika

from ..signals.conftest import LiveRun, Project

Live = Callable[..., LiveRun]
ASK = '- {id: ask, ask: {message: "Go on?", show: {n: 1}}}\n'


def paused(project: Project, tasks: str, *options: str) -> Any:
    project.write(tasks)
    done = project.nika("run", "w.nika.yaml", "--format", "json", *options)
    assert done.code == 4, done.err + done.out
    return done.json


def resumed(project: Project, *options: str) -> Any:
    return project.nika("resume", "last", "--format", "json", *options)


def test_a_run_pauses_and_names_each_question_and_the_command_that_answers_it(project: Project) -> None:
    form = "{target: {type: string, enum: [staging, production]}, note: {type: string, required: false}}"
    run = paused(
        project,
        f"{ASK}- {{id: choose, ask: {{message: 'Where?', form: {form}, expires: 1h}}}}\n"
        "- {id: use, shell: 'echo {{ask}} {{choose.target}}'}\n- {id: free, shell: echo free}\n",
    )
    assert [question["task"] for question in run["questions"]] == ["ask", "choose"]
    first, second = run["questions"]
    assert (first["message"], "form" in first, first["since"][-1]) == ("Go on?", False, "Z")
    assert (second["form"]["target"]["enum"], "expiresAt" in second) == (["staging", "production"], True)
    assert {task["id"]: task["state"] for task in run["tasks"]}["free"] == "success"
    told = project.nika("resume", "last").err
    assert f"nika answer {run['runId']} ask yes (or no)" in told
    assert f"nika answer {run['runId']} choose -i 'target=staging|production' [-i note=STRING]" in told
    listed = project.nika("answer", "--list", "--format", "json").json["questions"]
    assert [(each["runId"], each["task"]) for each in listed] == [(run["runId"], "ask"), (run["runId"], "choose")]
    assert listed[0]["show"] == {"n": 1}
    assert "ask waits for Go on?, since 20" in project.nika("runs", "list").out


def test_a_question_that_could_not_be_recorded_is_named_with_the_way_to_be_asked_again(project: Project) -> None:
    trigger = "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END"
    project.folder.joinpath("f.py").write_text(
        f'import sqlite3\ndef fill():\n    sqlite3.connect(".nika/journal.db").execute("{trigger}")\n'
    )
    project.write("- {id: full, function: 'f.py::fill'}\n- {id: q, ask: {message: 'Sure?', show: '{{full}}'}}\n")
    done = project.nika("run", "w.nika.yaml")
    assert done.code == 4
    assert "resuming asks it again\nwarning: the run's history is not complete" in done.err
    assert "to resume it: nika resume" in done.err


def test_an_answer_is_taken_and_history_says_who_gave_it(project: Project) -> None:
    run = paused(project, ASK + "- {id: use, shell: 'echo {{ask}}'}\n")
    sent = project.nika("answer", "ask", "yes")
    assert f"'ask' is answered: yes; go on: nika resume {run['runId']}" in sent.err
    done = resumed(project)
    assert (done.code, done.json["output"]) == (0, "true")
    answered = project.nika("runs", "show", "--format", "json").tasks["ask"]["answered"]
    assert (answered["answer"], "@" in answered["by"], answered["by"][-11:]) == (True, True, "nika answer")
    assert "answered yes (" in project.nika("runs", "show").out


def test_a_no_skips_what_needs_it_and_is_not_asked_again(project: Project) -> None:
    paused(project, ASK + "- {id: use, shell: 'echo {{ask}}'}\n- {id: other, ask: Other?}\n")
    project.nika("answer", "ask", "no")
    again = resumed(project)
    assert (again.code, again.tasks["ask"]["skipReason"]) == (4, "declined")
    assert again.tasks["use"]["skipReason"] == "upstreamSkipped"
    assert project.nika("answer", "other", "yes", "--resume").code == 0
    shown = project.nika("runs", "show", "--format", "json").tasks
    assert (shown["ask"]["skipReason"], shown["other"]["state"]) == ("declined", "success")
    assert "answered" in shown["ask"]


def test_the_same_answer_changes_nothing_and_another_one_is_refused_with_who_gave_the_first(project: Project) -> None:
    paused(project, ASK)
    assert project.nika("answer", "last", "ask", "yes").code == 0
    for _ in range(2):  # before the run has taken it, and when it has ended
        assert "had this answer before" in project.nika("answer", "last", "ask", "yes").err
        other = project.nika("answer", "last", "ask", "no")
        assert other.code == 2
        assert "'ask' was given another answer at 20" in other.err
        assert "nika answer: yes" in other.err
        resumed(project)


def test_of_two_who_answer_at_once_one_wins_and_both_learn_which(project: Project) -> None:
    paused(project, ASK)
    racers = [project.start("answer", "last", "ask", answer) for answer in ("yes", "no", "yes", "no")]
    told = [racer.communicate(timeout=60)[1] for racer in racers]
    wins = [text for text in told if "is answered: " in text]
    assert len(wins) == 1
    winner = "yes" if "is answered: yes" in wins[0] else "no"
    for answer, text, racer in zip(("yes", "no", "yes", "no"), told, racers, strict=True):
        if answer == winner:
            assert racer.returncode == 0
        else:
            assert racer.returncode == 2
            assert f"nika answer: {winner}" in text
    assert resumed(project).tasks["ask"]["state"] == ("success" if winner == "yes" else "skipped")


def test_a_changed_question_is_asked_anew_and_the_old_answer_is_reported_as_void(project: Project) -> None:
    upstream = "- {id: plan, shell: 'echo %s'}\n- {id: ask, ask: {message: Go on?, show: '{{plan}}'}}\n"
    paused(project, upstream % "one")
    digest = project.nika("answer", "ask", "--format", "json").json["questions"][0]["digest"]
    assert project.nika("answer", "ask", "yes").code == 0
    project.write(upstream % "two")
    again = project.nika("resume", "last")
    assert again.code == 4
    assert "the answer `yes` to `ask`, given by " in again.err
    assert "is void: its question has changed since, and is asked anew" in again.err
    refused = project.nika("answer", "ask", "yes", "--digest", digest)
    assert refused.code == 2
    assert "the answer is for another question than 'ask' asks now" in refused.err
    assert project.nika("answer", "ask", "no", "--resume").code == 0


def test_an_answer_that_was_taken_is_void_too_if_the_question_changes(project: Project) -> None:
    tasks = "- {id: plan, set: %s}\n- {id: ask, ask: 'Go on with {{plan}}?'}\n- {id: end, fail: 'no {{ask}}'}\n"
    paused(project, tasks % "one")
    assert project.nika("answer", "ask", "yes", "--resume").code == 1
    project.write(tasks % "two")
    again = project.nika("resume", "last")
    assert again.code == 4
    assert "is void" in again.err


def test_an_answer_holds_if_what_is_asked_is_the_same_but_not_after_from(project: Project) -> None:
    tasks = (
        "- {id: plan, shell: '%s'}\n- {id: ask, ask: {message: 'Go on with {{plan}}?'}}\n- {id: end, set: '{{ask}}'}\n"
    )
    paused(project, tasks % "echo one")
    assert project.nika("answer", "ask", "yes", "--resume").code == 0
    project.write(tasks % "printf one")  # done again, and shows the same
    assert resumed(project).code == 0
    project.write((tasks % "printf one").replace("}}?'", "}}?', expires: 1h"))
    assert resumed(project).code == 0
    asked = resumed(project, "--from", "plan")
    assert (asked.code, asked.json["questions"][0]["task"]) == (4, "ask")


def test_at_the_deadline_a_question_fails_or_takes_its_default_also_while_nothing_runs(project: Project) -> None:
    paused(
        project,
        "- {id: fails, ask: {message: Go?, expires: 50ms}}\n"
        "- {id: takes, ask: {message: How many?, expires: 50ms, default: {n: 4}, form: {n: {type: int}}}}\n"
        "- {id: use, set: '{{takes.n}}'}\n",
    )
    late = Project.nika(project, "answer", "fails", "yes")  # a process takes longer to start than the question is open
    assert late.code == 2
    assert "'fails' waited until" in late.err
    done = resumed(project)
    assert (done.code, done.tasks["fails"]["error"]["category"]) == (1, "timeout")
    assert done.tasks["use"]["output"] == 4


def test_a_question_that_expires_in_thousands_of_years_is_listed(project: Project) -> None:
    run = paused(project, "- {id: ask, ask: {message: Go?, expires: 99999999999d}}\n")
    assert run["questions"][0]["expiresAt"] == "9999-12-30T00:00:00Z"
    assert "expires at 9999-12-" in project.nika("answer", "--list").out
    assert project.nika("answer", "ask", "yes", "--resume").code == 0


def test_a_message_of_several_lines_is_no_lines_of_a_summary(project: Project) -> None:
    project.write('- {id: ask, ask: {message: "Go?\\n    to answer: nika rm x"}}\n')
    told = project.nika("run", "w.nika.yaml").err
    assert "ask asks: Go?⏎    to answer: nika rm x" in told


def test_an_open_question_outranks_failures_and_fail_fast_withdraws_it(project: Project) -> None:
    tasks = ASK + "- {id: bad, fail: broken}\n"
    run = paused(project, tasks)
    assert {task["id"]: task["state"] for task in run["tasks"]}["bad"] == "failed"
    assert "bad" in project.nika("resume", "last").err
    done = project.nika("run", "w.nika.yaml", "--fail-fast")
    assert done.code == 1
    assert project.nika("answer", "ask", "yes").code == 2  # of the run that has ended


def test_time_counts_only_while_a_process_works(project: Project) -> None:
    paused(project, ASK, "--timeout", "30s")
    assert project.nika("answer", "ask", "yes", "--resume").code == 0


def test_200_questions_of_one_list_are_open_at_once(project: Project) -> None:
    tasks = "- {id: numbers, shell: seq 0 199, output: lines}\n"
    tasks += "- {id: ask, forEach: '{{numbers}}', ask: 'Take ${each.item}?'}\n"
    run = paused(project, tasks)
    assert [question["task"] for question in run["questions"]] == [f"ask[{index}]" for index in range(200)]
    for index in (0, 199):
        nika.answer("last", f"ask.{index}", index == 0, folder=project.folder)
    again = resumed(project)
    assert (again.code, len(again.json["questions"])) == (4, 198)
    states = [item["state"] for item in again.tasks["ask"]["items"]]
    assert (states[0], states[199], states.count("cancelled")) == ("success", "skipped", 198)


def test_an_answer_belongs_to_the_item_and_not_to_its_place(project: Project) -> None:
    tasks = "- {id: names, set: [%s]}\n- {id: ask, forEach: '{{names}}', ask: 'Take ${each.item}?'}\n"
    paused(project, tasks % "a, b")
    assert project.nika("answer", "ask.1", "yes").code == 0
    project.write(tasks % "b, c")
    again = resumed(project)
    assert [item["state"] for item in again.tasks["ask"]["items"]] == ["success", "cancelled"]
    assert [question["message"] for question in again.json["questions"]] == ["Take c?"]


def test_a_running_process_takes_an_answer(project: Project, live: Live) -> None:
    project.write(ASK + "- {id: slow, shell: 'while [ ! -e go ]; do sleep 0.05; done'}\n- {id: end, set: '{{ask}}'}\n")
    run = live()
    run.until("task.waiting", "ask")
    assert "the run takes it within a second" in project.nika("answer", "ask", "yes", "--resume").err
    run.until("task.succeeded", "end")
    (project.folder / "go").touch()
    assert run.end()["status"] == "succeeded"


@pytest.mark.parametrize("moment", ["asked", "answered", "resumed"])
def test_a_kill_at_any_moment_loses_nothing_and_asks_once(project: Project, live: Live, moment: str) -> None:
    slow = "- {id: slow, shell: 'touch runs; while [ ! -e go ]; do sleep 0.05; done'}\n"
    project.write(
        f"{ASK}{slow}- {{id: after, shell: 'echo {{{{ask}}}} >> out; while [ ! -e go ]; do sleep 0.05; done'}}\n"
    )
    run = live()
    run.until("task.waiting", "ask")
    if moment != "asked":
        assert project.nika("answer", "ask", "yes").code == 0
    if moment == "resumed":
        run.until("task.started", "after")
    run.process.kill()
    run.process.wait()
    (project.folder / "go").touch()
    if moment == "asked":
        assert [each.task for each in nika.questions("last", folder=project.folder)] == ["ask"]
        assert project.nika("answer", "ask", "yes").code == 0
    done = resumed(project)
    assert (done.code, done.json["status"], done.tasks["ask"]["output"]) == (0, "succeeded", True)
    assert "true" in (project.folder / "out").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ask", "maybe"), "'maybe' is not an answer"),
        (("last", "ask", "maybe"), "'maybe' is not an answer"),
        (("ask", "-i", "n=1"), "the answer is yes or no"),
        (("form", "yes"), "the answer has the fields n"),
        (("form", "-i", "n=x"), "expected a whole number"),
        (("form", "-i", "m=1"), "there is no field `m`"),
        (("form", "-i", "n=1", "-i", "n=2"), "given twice"),
        (("done", "yes"), "'done' has succeeded: it waits for nothing"),
        (("later", "yes"), "'later' has not asked anything"),
        (("nope", "yes"), "has no task 'nope'"),
        (("yes",), "which question? 2 are open"),
        (("form", "--file", "text.json"), "the answer cannot be used"),
        (("form", "--file", "no.json"), "no.json"),
        (("form", "--file", "list.json"), "an object with `answer`"),
        (("form", "--file", "null.json"), "the answer has the fields n, j, and is not `null`"),
        (("form", "-i", 'j={"a": 1, "a": 2}'), "the key 'a' stands twice in one object"),
        (("form", "-i", "j=1e999"), "the number 1e999 is too large"),
        (("form", "--file", "wrong.json"), "the answer is for another question"),
        (("form", "--file", "large.json"), "bytes, and NIKA_MAX_OUTPUT allows"),
    ],
)
def test_bad_answers_are_refused_and_the_question_stays_open(
    project: Project, arguments: tuple[str, ...], told: str
) -> None:
    run = paused(
        project,
        ASK
        + "- {id: form, ask: {message: '?', form: {n: {type: int, required: false}, j: {type: json, default: []}}}}\n"
        "- {id: done, shell: 'true'}\n- {id: later, ask: 'Sure of {{form}}?'}\n",
    )
    project.environ["NIKA_MAX_OUTPUT"] = "1KB"
    for name, text in {
        "text.json": "{no",
        "list.json": "[1]",
        "null.json": '{"answer": null}',
        "wrong.json": json.dumps({"answer": {"n": 1}, "digest": "0" * 32}),
        "large.json": json.dumps({"answer": {"j": "[" + "1," * 2000 + "1]"}}),
    }.items():
        (project.folder / name).write_text(text)
    refused = project.nika("answer", *arguments)
    assert refused.code == 2, refused.out + refused.err
    assert told in refused.err
    assert {each.task for each in nika.questions(run["runId"], folder=project.folder)} == {"ask", "form"}
    assert not any(each.answered_by for each in nika.questions(run["runId"], folder=project.folder))


def test_a_signal_is_no_answer(project: Project) -> None:
    paused(project, ASK)
    refused = project.nika("signal", "last", "ask", "true")
    assert refused.code == 2
    assert "'ask' asks a question" in refused.err
    assert resumed(project).code == 4


def test_a_secret_is_shown_masked_and_no_answer_keeps_one(project: Project) -> None:
    project.environ["ACME_TOKEN"] = "s3cret-of-acme-42"
    form = "{v: {type: string}}"
    run = paused(project, f"- {{id: ask, ask: {{message: 'With ${{env.ACME_TOKEN}}?', form: {form}}}}}\n")
    assert run["questions"][0]["message"] == "With ***?"
    refused = project.nika("answer", "ask", "-i", "v=s3cret-of-acme-42")
    assert refused.code == 2
    assert "contains a secret" in refused.err
    assert b"s3cret-of-acme-42" not in (project.folder / ".nika" / "journal.db").read_bytes()


def test_a_value_of_a_megabyte_can_be_shown(project: Project) -> None:
    large = "- {id: big, shell: 'head -c 1000000 /dev/zero | tr \"\\\\0\" x'}\n"
    project.environ["NIKA_MAX_SHELL"] = "1MB"
    run = paused(project, large + "- {id: ask, ask: {message: Go on?, show: '{{big}}'}}\n")
    (question,) = nika.questions(run["runId"], folder=project.folder)
    assert question.question.show == "x" * 1_000_000
    assert len(project.nika("resume", "last").err) < 5000
    assert project.nika("answer", "ask", "yes", "--resume").code == 0


def test_answers_are_for_mocked_runs(project: Project) -> None:
    project.write(ASK + "- {id: end, set: '{{ask}}'}\n")
    (project.folder / "answers.yaml").write_text("ask: yes\n")
    done = project.nika("run", "w.nika.yaml", "--mock", "--answers", "answers.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, True)
    refused = project.nika("run", "w.nika.yaml", "--answers", "answers.yaml")
    assert refused.code == 2
    assert "answers are for mocked runs only" in refused.err
    (project.folder / "answers.yaml").write_text("aks: yes\n")
    refused = project.nika("run", "w.nika.yaml", "--mock", "--answers", "answers.yaml")
    assert refused.code == 2
    assert "did you mean 'ask'?" in refused.err


def test_answers_that_nothing_asked_for_are_named(project: Project) -> None:
    project.write(ASK + "- {id: end, set: '{{ask}}'}\n")
    (project.folder / "answers.yaml").write_text("ask: yes\nend: yes\n")
    done = project.nika("run", "w.nika.yaml", "--mock", "--answers", "answers.yaml")
    assert done.code == 0
    assert "nothing asked for these answers: end\n" in done.err


def test_a_field_that_could_never_be_given_on_the_command_line_is_refused(project: Project) -> None:
    form = "{message: x, form: {'a=b': {type: int}}}"
    project.write(f"- {{id: ask, ask: {form}}}\n- {{id: end, set: '{{{{ask}}}}'}}\n")
    refused = project.nika("validate", "w.nika.yaml")
    assert refused.code == 2
    assert "the name of `a=b`: it contains `=`, and `-i NAME=VALUE` could never set it" in refused.out


def test_programs_answer_by_the_public_face(project: Project) -> None:
    run = paused(project, ASK)
    (asked,) = nika.questions("last", folder=project.folder)
    assert (asked.run_id, asked.task, asked.question.message, asked.question.show) == (
        run["runId"],
        "ask",
        "Go on?",
        {"n": 1},
    )
    sent = nika.answer("last", "ask", True, digest=asked.digest, folder=project.folder)
    assert sent == nika.SentSignal(run["runId"], "ask", "paused")
    (asked,) = nika.questions(folder=project.folder)
    assert asked.answer is True
