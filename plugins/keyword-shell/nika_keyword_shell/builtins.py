"""What the commands that are built into shells do with their words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from nika_keyword_shell.record import Redirections
from nika_keyword_shell.words import EXPANSION, MARK, Finding, Taint, Word, assigned_name

if TYPE_CHECKING:
    from nika_keyword_shell.evaluators import Evaluators

Judge = Callable[["Evaluators", str, Sequence[Word], Taint], Iterator[Finding]]


def _evaluate(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    yield from judge.evaluated(name, words, stdin)


def _trap(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    words = words[1:] if words and words[0].text == "--" else words
    yield from judge.evaluated(name, words[:1], stdin)
    yield from judge.report(words[1:], f"`{name}` takes it as code")


def _take_code(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    yield from judge.report(words, f"`{name}` takes it as code")
    if any(EXPANSION in word.text for word in words) and name != "let":
        why = f"`{name}` evaluates what an expansion gives, which must not have a value in it"
        yield from judge.report_taint(judge.surroundings.everything, why, fatal=False)
    if name == "let":
        for word in words:
            for variable, taint in judge.surroundings.variables.items():
                if variable in word.text:
                    yield from judge.report_taint(taint, "`let` evaluates it as an expression", fatal=False)


def _source(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    words = words[1:] if words and words[0].text == "--" else words
    for word in words[:1]:
        yield from judge.file_run(name, word)
        if word.text in {"/dev/stdin", "/dev/fd/0", "-"}:
            yield from judge.report_taint(stdin, f"`{name}` reads it as code from its standard input")
        elif word.split:
            yield from judge.report(words[1:], f"`{name}` could take it as the file to run", fatal=False)


def _prefix(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    """Scan `exec`, `command`, `builtin` and what else runs the command after it."""
    start = 0
    while start < len(words) and words[start].text.startswith("-") and not words[start].led_by_value:
        option = words[start].text
        start += 1
        if name == "command" and set(option) & {"v", "V"} and not option.startswith("--"):
            return
        if option == "--":
            break
        if name == "exec" and option.endswith("a"):
            start += 1
    yield from judge.judge(words[start:], stdin, Redirections())


def _loop(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    yield from judge.report(words[:1], f"it stands where `{name}` needs a variable's name")


def _declare(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    from nika_keyword_shell.variables import why_obeyed

    flags = "".join(word.text for word in words if word.text[:1] in {"-", "+", EXPANSION})
    evaluating = bool(set(flags) & {"i", "n", "a", "A", EXPANSION}) and name != "export"
    for word in words:
        variable = assigned_name(word)
        why = why_obeyed(variable) if variable else None
        if why is not None and variable is not None:
            yield from judge.assigned(variable, word)
        elif evaluating or variable is None or "[" in word.text.partition("=")[0]:
            yield from judge.report([word], f"`{name}` takes it as a variable's name or as an expression")
        elif variable in judge.surroundings.arrays and name != "export":
            yield from judge.report([word], f"`{name}` evaluates what is assigned to an array")
        elif word.split and not word.text.partition("=")[2].strip(EXPANSION + MARK):
            continue


def _names(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    skip = {"-p", "-t", "-n", "-N", "-d", "-u", "-i"} if name == "read" else set()
    named = [word for before, word in pairwise([Word(), *words]) if before.text not in skip or word.split]
    why = f"`{name}` takes it as a variable's name, whose subscript bash evaluates"
    if name == "getopts":
        named = named[1:2]
    yield from judge.report(named, why)
    if name in {"mapfile", "readarray"}:
        for before, word in pairwise(words):
            if before.text == "-C":
                yield from judge.evaluated(f"{name} -C", [word], stdin)


def _printf(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    if not words:
        return
    why = "`printf` could take it as an option; write printf '%s' first"
    if words[0].text.startswith("-v"):
        taken = words[:2] if words[0].text == "-v" else words[:1]
        yield from judge.report(taken, "`printf -v` takes it as a variable's name, whose subscript bash evaluates")
    elif words[0].led_by_value and any(map(judge.taint, words[1:])):
        yield from judge.report(words[:1], why)
    elif words[0].split:
        yield from judge.report(words[:1], why, fatal=False)


def _test(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    why = "`test` could take the word before it as an operator that evaluates it"
    for before, word in pairwise(words):
        if before.text in {"-v", "-R"} or before.led_by_value:
            sure = bool(before.marks) or before.text in {"-v", "-R"}
            yield from judge.report([word], why, fatal=sure)
    for word in words:
        if word.split:
            yield from judge.report([word], "without quotes, `test` could take it as an operator", fatal=False)


def _hash(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    if words and words[0].text.startswith("-p"):
        yield from judge.report(words, "`hash -p` takes it as the program to run", fatal=False)


def _history(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    if words and words[0].text.startswith("-") and set(words[0].text) & {"s", "p", "r", "a", "n"}:
        yield from judge.report(words, "`fc` runs what is in the history, and `history` evaluates it")


def _jobs(judge: Evaluators, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
    if words and words[0].text == "-x":
        yield from judge.judge(words[1:], stdin, Redirections())


JUDGES: Final[Mapping[str, Judge]] = {
    "eval": _evaluate,
    "trap": _trap,
    **dict.fromkeys(("let", "alias", "compgen", "complete", "compopt", "bind", "enable", "fc"), _take_code),
    **dict.fromkeys((".", "source"), _source),
    **dict.fromkeys(("exec", "command", "builtin", "noglob", "nocorrect"), _prefix),
    **dict.fromkeys(("for", "select"), _loop),
    **dict.fromkeys(("export", "readonly", "declare", "typeset", "local"), _declare),
    **dict.fromkeys(("unset", "getopts", "mapfile", "readarray", "integer", "nameref", "wait", "read"), _names),
    "printf": _printf,
    **dict.fromkeys(("test", "["), _test),
    "hash": _hash,
    "jobs": _jobs,
    "history": _history,
}
