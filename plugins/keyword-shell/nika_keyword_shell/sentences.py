"""Words become commands: which belong together, where a command begins, and what a pipe or a redirection connects."""

from __future__ import annotations

import re
from typing import Final

from nika_keyword_shell.record import Command, Compound, Frame, Record, Redirections
from nika_keyword_shell.words import Word, assigned_name

_SUBSCRIPT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[")
_KEEP_COMMAND_POSITION: Final = frozenset({"then", "else", "elif", "do", "!", "coproc"})
_OPENS: Final = {"{": "{", "if": "if", "while": "loop", "until": "loop", "for": "loop", "select": "loop"}
_CLOSES: Final = {"}": "{", "fi": "if", "done": "loop", "esac": "case"}
_MAX_COMPOUNDS: Final = 64


def end_word(record: Record, frame: Frame) -> None:
    """Complete the word, if there is one, at a blank, an operator or an end."""
    word, frame.word = frame.word, None
    if word is None:
        return
    if frame.target:
        _end_target(record, frame, word)
        return
    text = word.text if word.plain else ""
    if frame.cases and frame.cases[-1] != "body":
        _end_case_word(record, frame, text)
        return
    if word.bracket and all(assigned_name(one) for one in frame.words) and _SUBSCRIPT.match(word.text):
        record.lose("a subscript with a blank in it")
    if not frame.words and _reserved(record, frame, word, text):
        return
    if text == "]]":
        frame.brackets = False
    frame.words.append(word)
    if text == "do" and len(frame.words) == 3 and frame.words[0].text in {"for", "select"}:
        frame.words.pop()
        end_command(record, frame)


def _end_target(record: Record, frame: Frame, word: Word) -> None:
    target, frame.target = frame.target, ""
    if target.endswith("&"):
        for mark in word.values:
            record.refuse(mark, f"it stands behind {target}, where bash expands a value a second time")
    if target.startswith("<"):
        frame.redirections.inputs.append((target, word))
    if target.startswith(">") or target == "<>":
        frame.redirections.outputs.append(word)


def _reserved(record: Record, frame: Frame, word: Word, text: str) -> bool:
    """Read a word at a command's beginning. Return whether it is not a word of the command."""
    if frame.names_function:
        frame.names_function = False
        frame.function = word.text
        return True
    if frame.timed and text.startswith("-"):
        frame.words.append(Word(["time"]))
        return False
    frame.timed = text == "time" or (frame.timed and text == "!")
    if text == "time":
        return True
    if text == "coproc":
        record.structure.coprocess = True
    if text == "function":
        frame.names_function = True
        return True
    if text in _OPENS:
        open_compound(record, frame, _OPENS[text])
        return _OPENS[text] == "{" or text in {"if", "while", "until"}
    if text == "case":
        open_compound(record, frame, "case")
        frame.cases.append("word")
        return True
    if text in _CLOSES:
        if text == "esac" and frame.cases:
            frame.cases.pop()
        _close_compound(record, frame, _CLOSES[text])
        return True
    if text == "alias":
        record.lose("an alias")
    frame.brackets = frame.brackets or text == "[["
    return text in _KEEP_COMMAND_POSITION


def open_compound(record: Record, frame: Frame, kind: str) -> None:
    """Begin a group, loop or condition: until it is closed, pipelines are inside of it."""
    if len(frame.compounds) >= _MAX_COMPOUNDS:
        record.lose("more groups, loops and conditions within each other than are followed")
        return
    frame.compounds.append(Compound(kind, frame.element, frame.piped, frame.function))
    frame.function = None
    frame.element, frame.piped = len(record.structure.commands), None


def _close_compound(record: Record, frame: Frame, kind: str) -> None:
    end_pipeline(record, frame)
    if not frame.compounds or frame.compounds[-1].kind != kind:
        record.lose("a group, loop or condition that ends before it began")
        return
    compound = frame.compounds.pop()
    frame.element, frame.piped = compound.element, compound.piped
    if compound.function is not None:
        define(record, compound.function, range(compound.element, len(record.structure.commands)))


def define(record: Record, name: str, body: range) -> None:
    """Note a function's body."""
    record.structure.functions.setdefault(name, []).append(body)


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
        _close_compound(record, frame, "case")


def end_command(record: Record, frame: Frame) -> None:
    """Complete a simple command, or the redirections behind a compound one."""
    end_word(record, frame)
    words, frame.words = frame.words, []
    redirections, frame.redirections = frame.redirections, Redirections()
    frame.target = ""
    frame.timed = False
    if frame.array:
        names = {name for word in words if word.text.startswith("[") for name in word.variables}
        record.structure.evaluated.append((frozenset(names), "bash evaluates a subscript as an expression"))
        return
    commands = record.structure.commands
    if words or (redirections and frame.element == len(commands)):
        commands.append(Command(words, redirections))
        if frame.function is not None:
            define(record, frame.function, range(len(commands) - 1, len(commands)))
            frame.function = None
    elif redirections:
        record.structure.redirected.append((redirections, range(frame.element, len(commands))))


def end_pipeline(record: Record, frame: Frame, operator: str = "") -> None:
    """Complete a command and, unless a pipe follows, the pipeline."""
    end_command(record, frame)
    end = len(record.structure.commands)
    element = range(frame.element, end)
    if frame.piped is not None and element:
        record.structure.pipes.append((frame.piped, element))
    if operator in {"|", "|&"}:
        frame.piped = element
    elif element or operator not in {"\n", ""}:  # a line may end behind a pipe
        frame.piped = None
    frame.element = end


def in_pattern(frame: Frame) -> bool:
    """Return whether a pattern of `case` is what comes."""
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
    """End a command at `;`, `&`, `|` and what is made of them."""
    if in_pattern(frame):
        end_word(record, frame)
        return
    if frame.brackets and operator in {"&&", "||"}:
        end_word(record, frame)
        frame.words.append(Word([operator]))
        return
    end_pipeline(record, frame, operator)
    if operator in {";;", ";&", ";;&"} and frame.cases:
        frame.cases[-1] = "pattern"


def word_of(frame: Frame) -> Word:
    """Return the word that is being read; begin one if there is none."""
    if frame.word is None:
        frame.word = Word()
    return frame.word
