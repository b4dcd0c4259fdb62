"""Whether a simple command evaluates its words or its standard input, and so a value in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nika_keyword_shell import builtins, files, special, subcommands
from nika_keyword_shell.options import CODE_ROLES, Arguments, Grammar, Part, parse
from nika_keyword_shell.programs import is_shell, lookup, runs_text
from nika_keyword_shell.record import Redirections
from nika_keyword_shell.variables import why_obeyed
from nika_keyword_shell.words import (
    EXPANSION,
    MARK,
    UNTAINTED,
    Finding,
    Taint,
    Word,
    assigned_name,
    joined,
    program_name,
    taint_of,
    uncertain,
)

_RUN_NOTHING: Final = frozenset(
    "echo printf grep egrep fgrep test [ [[ ls cat cp mv rm mkdir touch which type set for select cd".split()  # noqa: SIM905  # a list in words is easier to read
)
_PATTERN: Final = frozenset("*?[{")
_MOST_NESTED: Final = 40  # commands that run another one


def _is_pattern(name: str) -> bool:
    """Return whether the shell looks for the command: `/bin/b*sh`, `/bin/{sh,}`."""
    return len(name) > 1 and name != "[[" and not _PATTERN.isdisjoint(name)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of the whole command.

    Args:
        variables: the values that can be in each variable; `@` are the positional parameters.
        everything: all values of the command.
        files: the values that can be in files, by the files' names; `*` is a file whose name is not known.
        arrays: the variables that are arrays.
        functions: the names of its functions.
        coprocess: whether one of its commands can be fed by any other.
        inner: judges the code of a shell, with its arguments and its standard input.
    """

    variables: Mapping[str, Taint]
    everything: Taint
    files: Mapping[str, Taint]
    arrays: Collection[str]
    functions: Collection[str]
    coprocess: bool
    inner: Callable[[str, Taint, Taint], list[Finding]]


class Evaluators:
    """Judges the simple commands of one command."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self._nesting = 0
        self._document = ""  # a text that stands in the command and is its standard input

    def taint(self, word: Word) -> Taint:
        """Return the values that can be in the word."""
        return taint_of(word, self.surroundings.variables)

    def report(self, words: Sequence[Word], why: str, *, fatal: bool = True) -> Iterator[Finding]:
        """Report each value that can be in the words; one that only perhaps is there is warned of."""
        for word in words:
            yield from self.report_taint(self.taint(word), why, fatal=fatal)

    def report_taint(self, taint: Taint, why: str, *, fatal: bool = True) -> Iterator[Finding]:
        for source, certain in sorted(taint, key=str):
            yield Finding(source, why, fatal and certain)

    def judge(self, words: Sequence[Word], fed: Taint, redirections: Redirections) -> Iterator[Finding]:
        """Return what is wrong with the values in a simple command, or in the one that it runs.

        Args:
            words: its assignments, its name and its arguments.
            fed: what comes through a pipe or from around it.
            redirections: its own.
        """
        if self._nesting >= _MOST_NESTED:
            why = "more commands that run others stand before it than are followed"
            yield from self.report_taint(self.surroundings.everything, why)
            return
        self._nesting += 1
        try:
            yield from self._judge(words, fed, redirections)
        finally:
            self._nesting -= 1

    def _judge(self, words: Sequence[Word], fed: Taint, redirections: Redirections) -> Iterator[Finding]:
        start = 0
        while start < len(words) and (name := assigned_name(words[start])) is not None:
            yield from self.assigned(name, words[start])
            start += 1
        words = words[start:]
        if not words:
            return
        name = program_name(words[0])
        stdin = self._stdin(fed, redirections)
        if redirections:
            self._document = redirections.inputs[-1][1].text if redirections.inputs[-1:] else ""
            self._document *= any(operator in {"<<", "<<<"} for operator, _ in redirections.inputs[-1:])
        if not name or self.taint(words[0]) or _is_pattern(name):
            yield from self._unknown_program(words, stdin)
            if not words[0].text.rpartition("/")[2].strip(MARK + EXPANSION):
                return
        yield from self._named(name, words, stdin)

    def assigned(self, name: str, word: Word) -> Iterator[Finding]:
        """Judge `name=value`, which programs may obey, and the file that it can name."""
        obeyed = why_obeyed(name)
        if obeyed is not None:
            why, fatal = obeyed
            yield from self.report([word], why, fatal=fatal)
            taint = files.named_by(self.surroundings.files, name, word.text.partition("=")[2])
            yield from self.report_taint(taint, f"it can be in a file that {name} names", fatal=False)

    def _stdin(self, fed: Taint, redirections: Redirections) -> Taint:
        """Return the values that can come through the standard input."""
        taint = fed
        for operator, word in redirections.inputs:
            if operator == "<<<" or operator == "<<":
                taint = self.taint(word)
                if word.dynamic and not taint:
                    taint = UNTAINTED
            elif operator.endswith("&"):
                taint = uncertain(self.surroundings.everything)
            else:
                taint = joined([uncertain(self.taint(word)), self.in_file(word)])
                if word.process:
                    taint = self.taint(word)
        return taint

    def in_file(self, word: Word) -> Taint:
        """Return the values that can be in a file."""
        if word.text.startswith(("/dev/fd/", "/proc/", "/dev/stdin")):
            return uncertain(self.surroundings.everything)
        return files.written_to(self.surroundings.files, word)

    def _unknown_program(self, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
        """Report a command whose name is not known before it runs."""
        command, others = words[0], joined([stdin, *map(self.taint, words[1:])])
        taint = self.taint(command)
        if command.nested and not command.marks and taint:
            yield from self.report_taint(taint, "what the substitution prints is the command")
        elif taint:
            both = any(certain for _, certain in others) and command.led_by_value
            why = "its value decides which program is run"
            if both:
                why = "its value is the name of a program, and with `eval` another value would be code"
            elif command.led_by_value:
                why += "; a whole command line in a value needs `trust: true`"
            yield from self.report_taint(taint, why, fatal=both)
        elif others and (_is_pattern(command.text) or not command.text.rpartition("/")[2].strip(EXPANSION)):
            why = "the command is what an expansion gives, and some programs evaluate a value"
            yield from self.report_taint(others, why, fatal=False)

    def _named(self, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
        command, arguments = words[0], words[1:]
        if name in self.surroundings.functions:
            return
        if self.surroundings.files:
            if "/" in command.text:
                yield from self.report_taint(self.in_file(command), f"it can be in the file {name}, which is run")
            for file, taint in files.read_by(self.surroundings.files, name):
                why = f"it can be in the file {file}, and `{name}` runs code of it"
                yield from self.report_taint(taint, why, fatal=False)
        builtin = builtins.JUDGES.get(name)
        if builtin is not None:
            yield from builtin(self, name, arguments, stdin)
            return
        handler = special.JUDGES.get(name)
        if handler is not None:
            yield from handler(self, name, arguments, stdin)
            return
        described = lookup(name)
        if described is not None and "commands" in described.flags:
            yield from subcommands.judge_subcommand(self, name, described, arguments, stdin)
        elif described is not None:
            yield from self.program(name, described, arguments, stdin)
        elif name not in _RUN_NOTHING:
            yield from self.shells_among(arguments, stdin)
            yield from subcommands.options_with_code(self, arguments)

    def shells_among(self, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
        """Judge the code of a shell or an interpreter that a program could run that is not known."""
        for index, word in enumerate(words):
            name = program_name(word)
            described = lookup(name) if name and not word.literal_is_partial else None
            if described is None:
                continue
            read = parse(described, words[index + 1 :])
            if any(part.role in CODE_ROLES and (part.word.text and index + 1 < len(words)) for part in read.parts):
                code = [part for part in read.parts if part.role in CODE_ROLES]
                if is_shell(name) or (len(words) > index + 1 and words[index + 1].text.startswith("-")):
                    for part in code:
                        yield from self._code(name, part, read, is_shell(name), UNTAINTED)
                    return
            elif read.reads_code and is_shell(name) and stdin:
                why = f"`{name}` could read it as code from its standard input"
                yield from self.report_taint(stdin, why, fatal=False)

    def program(self, name: str, described: Grammar, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
        """Judge the arguments of a program whose grammar is known."""
        read = parse(described, words)
        shell = is_shell(name) or "runs-shells" in described.flags
        for part in read.parts:
            yield from self._part(name, described, part, read, shell, stdin)
        if any(part.role == "file" for part in read.parts):
            yield from subcommands.options_with_code(self, [part.word for part in read.parts if part.role == "data"])
        if "runs-shells" in described.flags:
            code = " ".join(part.word.text for part in read.parts if part.role in CODE_ROLES)
            if not any(character in code for character in (MARK, EXPANSION)):
                yield from self._inner(code, UNTAINTED, stdin)
        for word in read.assignments:
            yield from self.assigned(assigned_name(word) or "", word)
        if read.reads_code and is_shell(name) and self._document:
            given = joined(self.taint(part.word) for part in read.parts)
            yield from self._inner(self._document.replace(MARK, "x").replace(EXPANSION, "x"), given, UNTAINTED)
        if read.reads_code:
            yield from self.report_taint(stdin, f"`{name}` reads it as code from its standard input")
            if not read.inert and self.surroundings.coprocess:
                why = f"`{name}` may read it as code: a coprocess can be fed by any command"
                yield from self.report_taint(self.surroundings.everything, why, fatal=False)
        entry = [part.word for part in read.parts if part.role == "entry"]
        if entry or read.program is not None:
            command = [*entry, *(words[read.program :] if read.program is not None else ())]
            if command[0].led_by_value and described.evaluates and read.program_led:
                why = f"`{name}` could take it as an option; name the program"
                yield from self.report(command[:1], why)
            yield from self.judge(command, stdin, Redirections())
        elif "bare-shell" in described.flags or not read.parts:
            return
        elif described.operands[-1] == "program":
            yield from self.shells_among(words, stdin)

    def _part(
        self, name: str, described: Grammar, part: Part, read: Arguments, shell: bool, stdin: Taint
    ) -> Iterator[Finding]:
        word, role = part.word, part.role
        taint = self.taint(word)
        if role in CODE_ROLES:
            yield from self._code(name, part, read, shell or role in {"shell", "joined"}, stdin)
        elif role == "file":
            if word.process:
                yield from self.report_taint(taint, f"`{name}` takes it as code")
            if not part.led or "quiet" in described.flags or not described.evaluates:
                yield from self.report_taint(taint, f"its value is the name of a file that `{name}` runs", fatal=False)
            why = f"it can be in the file that `{name}` runs"
            yield from self.report_taint(self.in_file(word), why, fatal=False)
        elif role in {"module", "program"}:
            yield from self.report_taint(taint, f"its value decides which code `{name}` runs", fatal=False)
            yield from self.report_taint(self.in_file(word), f"it can be in the code that `{name}` runs", fatal=False)
            if role == "program":
                yield from self.judge([word], UNTAINTED, Redirections())
        elif role == "package" and not subcommands.is_named(word, versions="versions" in described.flags):
            why = f"its value decides what `{name}` fetches, and code of it is run"
            yield from self.report_taint(taint, why, fatal=False)
        elif role == "pipe" and (word.text.startswith("|") or part.led):
            why = f"`{name}` runs the name of a file that begins with `|`; write ./ before it"
            yield from self.report_taint(taint, why, fatal=word.text.startswith("|"))
        elif role == "setting" and taint and special.runs_code(word.text):
            yield from self.report_taint(taint, f"some settings of `{name}` are code")
        if part.led and word.split and described.evaluates:
            why = f"it can be in the file that `{name}` runs"
            yield from self.report_taint(self.in_file(word), why, fatal=False)
        if part.led and taint and role not in CODE_ROLES and described.evaluates and "quiet" not in described.flags:
            harmless = role == "data" and not word.text.startswith(("-", "+")) and "refuses" not in described.flags
            how = f"write `{name} --` before it" if role == "file" else "write `--` before it"
            why = f"`{name}` could take it as an option, and so as code; {how}"
            yield from self.report_taint(taint, why, fatal=not harmless)
        elif part.led and word.split and taint and "program" in described.operands:
            yield from self.report_taint(taint, f"it can decide which program `{name}` runs", fatal=False)
        elif part.unsure and taint:
            why = f"`{name}` could take it as code: what stands before it is not known"
            yield from self.report_taint(taint, why, fatal=False)

    def _code(self, name: str, part: Part, read: Arguments, shell: bool, stdin: Taint) -> Iterator[Finding]:
        word = part.word
        if taint := self.taint(word):
            why = f"`{name}` takes it as code"
            if is_shell(name):
                why = f'`{name} -c` takes it as code; give it after the code, and use it there as "$1"'
            elif not shell:
                why = f"`{name}` takes it as a part of its program; an environment variable (`env`) would be data"
            yield from self.report_taint(taint, why)
            return
        others = joined(self.taint(other.word) for other in read.parts if other.word is not word)
        if shell and part.role != "joined":
            yield from self._shell_code(name, [word], others, stdin)
        elif not shell:
            yield from self.report_taint(
                files.loaded_by(self.surroundings.files, word.text),
                "its code loads the file in which it can be",
                fatal=False,
            )
        if not shell and not taint and runs_text(name, word.text):
            why = f"the program of `{name}` may run it as code"
            named = [taint for name, taint in self.surroundings.variables.items() if name in word.text]
            yield from self.report_taint(joined([others, stdin, *named]), why, fatal=False)

    def _shell_code(self, name: str, words: Sequence[Word], others: Taint, stdin: Taint) -> Iterator[Finding]:
        """Judge the code of a shell in which no value stands."""
        text = " ".join(word.text for word in words)
        if EXPANSION in text:
            why = f"`{name}` evaluates what an expansion gives, which must not have a value in it"
            yield from self.report_taint(self.surroundings.everything, why, fatal=False)
        yield from self._inner(text.replace(EXPANSION, "x"), others, stdin)

    def _inner(self, code: str, arguments: Taint, stdin: Taint) -> Iterator[Finding]:
        yield from self.surroundings.inner(code, arguments, stdin)

    def evaluated(self, name: str, words: Sequence[Word], stdin: Taint) -> Iterator[Finding]:
        """Judge words that a command evaluates together as the code of a shell."""
        if joined(map(self.taint, words)):
            yield from self.report(words, f"`{name}` takes it as code")
        elif words:
            yield from self._shell_code(name, words, UNTAINTED, stdin)

    def file_run(self, name: str, word: Word) -> Iterator[Finding]:
        """Judge the name of a file whose content is evaluated."""
        yield from self.report([word], f"`{name}` takes it as code")
        yield from self.report_taint(self.in_file(word), f"it can be in the file that `{name}` runs", fatal=False)
