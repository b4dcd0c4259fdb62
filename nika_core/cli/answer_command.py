"""`nika answer`: shows the questions that runs ask, and answers them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import nika_core as nika
from nika_core import codes
from nika_core.api.project import read_input_text
from nika_core.cli.console import json_text, mask_with, plain, print_data, print_json, print_message, style_data
from nika_core.cli.inputs import gather
from nika_core.cli.options import LAST, Format, FormatOption, OnOption
from nika_core.cli.prompting import LeftOpenError, TerminalReader, ask_here, at_a_terminal
from nika_core.cli.remote_options import where
from nika_core.cli.stdin import STDIN, read_stdin
from nika_core.cli.waiting import answer_command_text, sender_text
from nika_core.errors import JournalError, NikaError, UsageError
from nika_core.model.approval import ALWAYS
from nika_core.model.ids import node_id_of
from nika_core.model.json_text import parse_json
from nika_core.model.question import OpenQuestion, answer_text, open_question_json
from nika_core.model.text import iso_time, time_text

_WORDS: Final = {"yes": True, "no": False}
_YES_OR_FIELDS: Final = "an answer is yes, no or another word that the question takes, or fields: -i FIELD=VALUE"
_INTERRUPTED: Final = 130


def answer_command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN [TASK]] [yes|no|always]",
            help="A run's id, a unique beginning of it, or `last`; a task's id; the answer. One alone is a task.",
            show_default=False,
            autocompletion=nika.complete_runs_and_tasks,
        ),
    ] = None,
    input_: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="FIELD=VALUE", help="A field of the answer.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help='The answer as JSON: {"answer": ..., "digest": ...}; `-` reads it.')
    ] = None,
    digest: Annotated[
        str | None, typer.Option("--digest", help="Refuse unless the question is the one with this digest.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run when it is answered.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the open questions of all runs, or of RUN.")] = False,
    on: OnOption = None,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Show the open questions of a run, or answer one; on a terminal, ask them."""
    mask_with(nika.Workspace.open().masker)
    rest, answer = _without_answer(list(words or ()))
    if on is None and not list_:
        named = len(rest) == 2 or (len(rest) == 1 and _is_run(rest[0]))
        run, on, _ = where(rest[0] if named else LAST, None)
        if on is not None:
            rest = [run, *(rest[1:] if named else rest)]
    if on is not None:
        _answer_remote(on, rest, answer, input_ or [], file, digest, format_)
        return
    if list_:
        _print_questions(nika.questions(rest[0] if rest else None), format_)
        return
    run, task, asked = _meant(rest)
    is_answered = answer is not None or bool(input_) or file is not None
    if input_ or file is not None:
        if answer is not None or (input_ and file is not None):
            raise UsageError("the answer is given twice", hint="give yes or no, fields (-i), or a file")
        answer, digest = _given(input_ or [], file, digest)
    if not is_answered and (format_ is Format.JSON or not at_a_terminal()):
        _print_questions(asked, format_, whole=True)
        return
    if not is_answered:
        sent = _ask_all(asked)
    else:
        name = task or _only_one(run, asked)
        sent = nika.answer(run, name, answer, digest=digest)
        _print_sent(sent, answer, format_, resume)
    if resume and sent is not None and sent.run_status != "running":
        from nika_core.cli.options import RunFormat
        from nika_core.cli.resume_command import resume_command

        resume_command(sent.run_id, format_=RunFormat(format_.value))


def _answer_remote(
    url: str,
    rest: list[str],
    answer: Any,
    pairs: list[str],
    file: Path | None,
    digest: str | None,
    format_: Format,
) -> None:
    from nika_core.cli.remote_runs import RemoteRuns

    if pairs or file is not None:
        answer, digest = _given(pairs, file, digest)
    if len(rest) == 1 and not _is_run(rest[0]):
        rest = [LAST, *rest]
    run, task = [*rest, None, None][:2]
    RemoteRuns(nika.Workspace.open(), url).answer(run or LAST, task, answer, digest, format_)


def _is_run(word: str) -> bool:
    """Return whether a word looks like a run's id or the beginning of one: of a task's it would be an odd one."""
    return word == LAST or re.fullmatch(r"2\d{3,7}(-.*)?", word) is not None


def _without_answer(words: list[str]) -> tuple[list[str], Any]:
    if len(words) > 3:
        raise UsageError(f"'{words[3]}' is one word too many", hint=_YES_OR_FIELDS)
    if words and words[-1].lower() in _WORDS:
        return words[:-1], _WORDS[words[-1].lower()]
    if len(words) < 2:
        return words, None
    *run, task, word = words
    taken = _words_taken(run[0] if run else LAST, task)
    if run and taken is not None and word.lower() not in taken:
        raise UsageError(f"'{word}' is not an answer", hint=_YES_OR_FIELDS)
    return (words[:-1], word) if run or word.lower() in (taken or ()) else (words, None)


def _words_taken(run: str, task: str) -> tuple[str, ...] | None:
    """Return the words that a task's open question may be answered with; None: it asks nothing."""
    try:
        asked = nika.questions(run)
    except NikaError:
        return None
    question = next((each.question for each in asked if each.task == _node(task)), None)
    if question is None:
        return None
    return (*question.words, ALWAYS) if question.calls else question.words


def _meant(rest: list[str]) -> tuple[str, str | None, tuple[OpenQuestion, ...]]:
    """Return the run, the task if one is named, and what of that is open."""
    if len(rest) == 2:
        run, task = rest
        try:
            return run, task, tuple(each for each in nika.questions(run) if each.task == _node(task))
        except JournalError:
            if any(each.task == _node(run) for each in nika.questions(LAST)):
                raise UsageError(f"'{task}' is not an answer", hint=_YES_OR_FIELDS) from None
            raise
    if not rest:
        return LAST, None, nika.questions(LAST)
    (word,) = rest
    of_last = tuple(each for each in nika.questions(LAST) if each.task == _node(word))
    if not of_last:
        try:
            return word, None, nika.questions(word)
        except JournalError:  # it is not a run: whatever is wrong with the task is said when it is answered
            pass
    return LAST, word, of_last


def _node(task: str) -> str:
    try:
        return node_id_of(task)
    except ValueError:
        return task


def _given(pairs: list[str], file: Path | None, digest: str | None) -> tuple[Any, str | None]:
    if file is None:
        return gather(pairs, None), digest
    text = read_stdin("--file") if file == STDIN else read_input_text(file, "--file")
    hint = 'e.g. {"answer": true, "digest": "..."}; the question is still open'
    try:
        given = parse_json(text)
    except ValueError as error:
        raise UsageError(f"--file: the answer cannot be used: {error}", code=codes.BAD_INPUT, hint=hint) from None
    if not isinstance(given, dict) or "answer" not in given or given.keys() - {"answer", "digest"}:
        message = "--file: the answer is an object with `answer` and perhaps `digest`"
        raise UsageError(message, code=codes.BAD_INPUT, hint=hint)
    return given["answer"], str(given["digest"]) if "digest" in given else digest


def _only_one(run: str, asked: tuple[OpenQuestion, ...]) -> str:
    unanswered = [each for each in asked if not each.answered_by]
    if len(unanswered) == 1:
        return unanswered[0].task
    if not asked:
        found = nika.runs.get(run)
        raise UsageError(
            f"the run {found.run_id} asks nothing", code=codes.SIGNAL_REFUSED, hint="nika answer --list shows all runs"
        )
    names = ", ".join(each.task for each in asked[:10])
    raise UsageError(f"which question? {len(asked)} are open: {names}", hint=f"nika answer {asked[0].run_id} TASK yes")


def _ask_all(asked: tuple[OpenQuestion, ...]) -> nika.SentSignal | None:
    """Ask at the terminal what is open, one after the other; return what was sent last."""
    unanswered = [each for each in asked if not each.answered_by]
    if not unanswered:
        _print_questions(asked, Format.PRETTY)
        return None
    reader, sent = TerminalReader(), None
    try:
        for each in unanswered:
            while True:
                reader.begin()
                answer = ask_here(each, reader)
                try:
                    sent = nika.answer(each.run_id, each.task, answer, digest=each.digest)
                except UsageError as error:
                    if error.code == codes.SIGNAL_REFUSED:
                        raise
                    print_message(plain(error.message))
                    continue
                _print_sent(sent, answer, Format.PRETTY, resume=False)
                break
    except (LeftOpenError, KeyboardInterrupt):
        print_message(f"\n{plain(each.task)} is left open")
        sys.exit(_INTERRUPTED)
    finally:
        reader.close()
    return sent


def _print_sent(sent: nika.SentSignal, answer: Any, format_: Format, resume: bool) -> None:
    if format_ is Format.JSON:
        if not resume or sent.run_status == "running":
            status = {"runId": sent.run_id, "task": sent.task, "runStatus": sent.run_status, "repeated": sent.repeated}
            print_json(status)
        return
    if sent.repeated:
        print_message(f"'{plain(sent.task)}' had this answer before ({plain(sent.given_by)}), and nothing has changed")
        return
    told = f"'{plain(sent.task)}' is answered: {plain(answer_text(answer))}"
    if sent.run_status == "running":
        told += "; the run takes it within a second"
    elif not resume:
        told += f"; go on: nika resume {sent.run_id}"
    print_message(told)


def _print_questions(asked: tuple[OpenQuestion, ...], format_: Format, *, whole: bool = False) -> None:
    """Print questions; `whole`: with the values that are shown with them."""
    if format_ is Format.JSON:
        print_json({"questions": [_json(each) for each in asked]})
        return
    if not asked:
        print_message("no question is open")
    for each in asked:
        expires = f", expires at {time_text(each.deadline)}" if each.deadline is not None else ""
        head = f"{each.run_id}  {style_data(plain(each.task), 'bold')}  since {time_text(each.since)}{expires}"
        print_data(head)
        print_data(_indented(plain(each.question.message)))
        show = each.question.show
        if whole and show is not None:
            print_data(_indented(plain(show) if isinstance(show, str) else json_text(show, indent=2)))
        if each.answered_by:
            by = sender_text({"by": each.answered_by, "at": each.answered_at})
            print_data(f"  answered {plain(answer_text(each.answer))}{by}; go on: nika resume {each.run_id}")
        else:
            print_data(f"  to answer: {plain(answer_command_text(each))}")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _json(asked: OpenQuestion) -> dict[str, Any]:
    found: dict[str, Any] = {"runId": asked.run_id, "workflow": asked.workflow, "runStatus": asked.run_status}
    found |= open_question_json(asked)
    if asked.question.show is not None:
        found["show"] = asked.question.show
    if asked.question.has_default:
        found["default"] = asked.question.default
    if asked.answered_by:
        found["answered"] = {"answer": asked.answer, "by": asked.answered_by}
        if asked.answered_at is not None:
            found["answered"]["at"] = iso_time(asked.answered_at)
    return found
