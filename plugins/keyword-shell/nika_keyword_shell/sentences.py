"""Words become commands: which words belong together, where a command begins, and where `case` has its patterns."""

from __future__ import annotations

import re
from typing import Final

from nika_keyword_shell.commands import Fed, Word, is_assignment, judge
from nika_keyword_shell.record import Frame, Record

_SUBSCRIPT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[")
_KEEP_COMMAND_POSITION: Final = frozenset(
    {
        *("if", "then", "else", "elif", "fi", "do", "done", "while", "until"),
        *("!", "{", "}", "time", "function", "coproc"),
    }
)


def end_word(record: Record, frame: Frame) -> None:
    """Complete the word, if there is one, at a blank, an operator or an end."""
    word, frame.word = frame.word, None
    if word is None:
        return
    if frame.target:
        if frame.target == "<<<":
            frame.fed.words += word.values
        elif frame.target.endswith("&"):
            for mark in word.values:
                record.refuse(mark, f"it stands behind {frame.target}, where bash expands a value a second time")
        frame.target = ""
        return
    text = word.text if word.plain else ""
    if frame.cases and frame.cases[-1] != "body":
        _end_case_word(record, frame, text)
        return
    if word.bracket and all(map(is_assignment, frame.words)) and _SUBSCRIPT.match(word.text):
        record.lose("a subscript with a blank in it")
    if not frame.words:
        if text in _KEEP_COMMAND_POSITION:
            return
        if text == "case":
            frame.cases.append("word")
            return
        if text == "esac" and frame.cases:
            frame.cases.pop()
            return
        if text == "alias":
            record.lose("an alias")
        frame.brackets = frame.brackets or text == "[["
    if text == "]]":
        frame.brackets = False
    frame.words.append(word)
    if text == "do" and len(frame.words) == 3 and frame.words[0].text in {"for", "select"}:
        end_command(record, frame)


def _end_case_word(record: Record, frame: Frame, text: str) -> None:
    state = frame.cases[-1]
    if state == "word":
        frame.cases[-1] = "in"
    elif state == "in":
        frame.cases[-1] = "pattern"
        if text != "in":
            record.lose("a `case` without `in`")
    elif text == "esac":
        frame.cases.pop()


def end_command(record: Record, frame: Frame, operator: str = "") -> None:
    """Complete a simple command; after `|` the next one reads what it writes."""
    end_word(record, frame)
    words, frame.words = frame.words, []
    fed, frame.fed = frame.fed, Fed()
    frame.target = ""
    if words and not frame.array:
        for finding in judge(words, fed):
            record.add(finding)
    if operator in {"|", "|&"}:
        first = next((mark for word in words for mark in word.values), len(record.quoting))
        frame.fed.piped = range(first if fed.taken or not fed.piped else fed.piped.start, len(record.quoting))


def in_pattern(frame: Frame) -> bool:
    """Whether a pattern of `case` is what comes."""
    return bool(frame.cases) and frame.cases[-1] == "pattern"


def end_pattern(record: Record, frame: Frame) -> bool:
    """Read the parenthesis after a pattern. Return False after `esac`, where it closes something else."""
    nested = len(frame.cases)
    end_word(record, frame)
    if len(frame.cases) < nested:
        return False
    frame.cases[-1] = "body"
    return True


def end_by_operator(record: Record, frame: Frame, operator: str) -> None:
    """`;`, `&`, `|` and what is made of them."""
    if in_pattern(frame):
        end_word(record, frame)
        return
    end_command(record, frame, operator)
    if operator in {";;", ";&", ";;&"} and frame.cases:
        frame.cases[-1] = "pattern"


def word_of(frame: Frame) -> Word:
    """Return the word that is being read; begin one if there is none."""
    if frame.word is None:
        frame.word = Word()
    return frame.word
