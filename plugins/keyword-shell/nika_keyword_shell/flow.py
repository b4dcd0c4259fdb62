"""Where values go in a command: through variables, pipes, redirections, functions and files, to what is evaluated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nika_keyword_shell import files
from nika_keyword_shell.evaluators import Evaluators, Surroundings
from nika_keyword_shell.expansions import names_in_subscript
from nika_keyword_shell.options import parse
from nika_keyword_shell.programs import is_shell, lookup
from nika_keyword_shell.record import Command, Quoting, Record
from nika_keyword_shell.words import (
    EXPANSION,
    MARK,
    POSITIONAL,
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

_MOST_PASSES: Final = 12  # variables that depend on one another; after that, every variable can have every value
_DEEPEST: Final = 6  # shells within shells
_ALWAYS_SET: Final = ("_", "OPTARG", "BASH_REMATCH", "BASH_COMMAND", "BASH_ARGV", "BASH_ARGV0")
_COPIES: Final = frozenset(
    {"tee", "dd", "cp", "mv", "install", "ln", "sponge", "link", "rsync", "scp", "cat", "tail", "head", "openssl"}
)
_HAVE_CP: Final = frozenset({"aws", "gsutil", "gcloud", "docker", "podman", "kubectl", "oc", "busybox"})
_COMPILERS: Final = frozenset({"gcc", "cc", "g++", "clang", "clang++", "c++", "tcc"})
_PRINT_VARIABLES: Final = frozenset(
    {
        *("env", "printenv", "export", "declare", "typeset", "set", "envsubst", "gomplate", "esh"),
        *("python", "python3", "perl", "node", "ruby", "php", "awk"),
    }
)
_ARITHMETIC_TEST: Final = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v", "-R"})
_NAMES: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Reader = Callable[[Sequence[str]], Record]


def judge(
    record: Record,
    read: Reader,
    variables: Mapping[str, Taint] | None = None,
    fed: Taint = UNTAINTED,
    depth: int = 0,
    written: Mapping[str, Taint] | None = None,
) -> None:
    """Add to the record what is wrong with values that are evaluated.

    Args:
        record: a command that was read.
        read: reads the code of a shell within it.
        variables: values that are in variables before the command begins.
        fed: those that come through its standard input.
        depth: how many shells are around it.
        written: values that are in files before the command begins.
    """
    _Flow(record, read, dict(variables or {}), fed, depth, dict(written or {})).judge()


class _Flow:
    def __init__(
        self,
        record: Record,
        read: Reader,
        variables: dict[str, Taint],
        fed: Taint,
        depth: int,
        written: dict[str, Taint],
    ) -> None:
        self._record = record
        self._structure = record.structure
        self._read = read
        self._variables = variables
        self._ambient = fed
        self._depth = depth
        self._files = written
        self._literals: dict[str, set[str]] = {}  # the names of files that variables can hold
        self._refers: dict[str, set[str]] = {}  # the names of other variables that they can hold
        self._bodies: dict[str, Taint] = {}
        self._obeyed = UNTAINTED
        self._changed = False
        placeholders = [mark for mark, quoting in enumerate(record.quoting) if quoting is not Quoting.COMMENT]
        own = frozenset((mark, False) for mark in placeholders[:4])
        self._everything = joined([own, fed, *variables.values(), *written.values()])

    def judge(self) -> None:
        if not self._everything:
            return
        for name in _ALWAYS_SET:
            self._variables[name] = uncertain(self._everything)
        self._leave_out_numbers()
        for _ in range(_MOST_PASSES):
            self._changed = False
            self._pass()
            if not self._changed:
                break
        else:
            for command in self._structure.commands:
                for word in command.words:
                    self._variables |= dict.fromkeys(word.variables, uncertain(self._everything))
        surroundings = Surroundings(
            self._variables,
            self._everything,
            self._files,
            self._declared("aA") | self._structure.arrays,
            self._structure.functions.keys(),
            self._structure.coprocess,
            self._inner,
        )
        evaluators = Evaluators(surroundings)
        for command in self._structure.commands:
            self._record.add(evaluators.judge(command.words, command.fed, command.redirections))
        self._evaluated()

    def _leave_out_numbers(self) -> None:
        """Take values out of the words in which `$(wc -l < file)` and the like stand: what these print are numbers."""
        substituted, self._structure.substituted = self._structure.substituted, []
        for word, body in substituted:
            commands = [self._structure.commands[number] for number in body]
            if commands and all(map(_prints_numbers, commands)):
                inside = [
                    one for each in commands for one in (*each.words, *(one for _, one in each.redirections.inputs))
                ]
                numbers = {mark for one in inside for mark in one.values}
                word.nested = [mark for mark in word.nested if mark not in numbers]
            else:
                self._structure.substituted.append((word, body))

    # Values that move

    def _pass(self) -> None:
        self._bodies.clear()
        structure = self._structure
        commands = structure.commands
        piped: set[int] = set()
        for source, sink in structure.pipes:
            written = joined(self._written(commands[number]) for number in source)
            for number in sink:
                piped.add(number)
                self._feed(commands[number], written)
        for redirections, body in structure.redirected:
            taint = joined(taint_of(word, self._variables) for _, word in redirections.inputs)
            for number in body:
                self._feed(commands[number], taint)
            for target in redirections.outputs:
                self._keep(target, joined(self._written(commands[number]) for number in body))
        for body in structure.written_to:
            for number in body:
                self._feed(commands[number], self._everything)
        for word, body in structure.substituted:
            printed = uncertain(joined(self._written(commands[number]) for number in body))
            if not printed <= word.origins:
                word.origins = joined([word.origins, printed])
                self._changed = True
        for number, command in enumerate(commands):
            if number not in piped:
                self._feed(command, self._ambient)
            self._command(command)
        for name, names in structure.defaults:
            self._assign(name, joined(self._variables.get(one, UNTAINTED) for one in names))

    def _feed(self, command: Command, taint: Taint) -> None:
        fed = joined([command.fed, taint])
        if fed != command.fed:
            command.fed = fed
            self._changed = True

    def _assign(self, name: str, taint: Taint) -> None:
        before = self._variables.get(name, UNTAINTED)
        after = joined([before, uncertain(taint)])
        if after != before:
            self._variables[name] = after
            self._changed = True

    def _refer(self, name: str, words: Sequence[Word]) -> None:
        """Note the variables that a variable can name: bash evaluates them with it."""
        self._refers.setdefault(name, set()).update(*(_NAMES.findall(word.text) for word in words))

    def _keep(self, target: Word, taint: Taint) -> None:
        """Note what is written to a file."""
        text = target.text
        if not taint or text.startswith("/dev/") or text.isdigit() or text == "-":
            return
        if files.is_obeyed(text):
            self._obeyed |= taint
        names = {text.rpartition("/")[2]}
        if target.literal_is_partial:
            names = {files.ANY}.union(*(self._literals.get(name, ()) for name in target.variables))
            names |= {text.rpartition("/")[2]} if EXPANSION not in text.rpartition("/")[2] else set()
        for name in names:
            self._keep_as(name, taint)

    def _keep_as(self, name: str, taint: Taint) -> None:
        before = self._files.get(name, UNTAINTED)
        after = joined([before, uncertain(taint)])
        if after != before:
            self._files[name] = after
            self._changed = True

    def _written(self, command: Command) -> Taint:
        """Return what the command can write, or is known to hand on."""
        taints = [command.fed, *(taint_of(word, self._variables) for word in command.words)]
        taints += (taint_of(word, self._variables) for _, word in command.redirections.inputs)
        if self._files:
            named = [*command.words, *(word for _, word in command.redirections.inputs)]
            taints += (self._files.get(word.text.rpartition("/")[2], UNTAINTED) for word in named)
        name = program_name(command.words[0]) if command.words else ""
        if name in self._structure.functions:
            taints.append(self._body(name))
        if name in _PRINT_VARIABLES or is_shell(name):
            taints += (taint for variable, taint in self._variables.items() if variable not in _ALWAYS_SET)
        return joined(taints)

    def _body(self, name: str) -> Taint:
        """Return the values that stand in a function's body; computed once in a pass."""
        if name not in self._bodies:
            commands = self._structure.commands
            self._bodies[name] = joined(
                taint_of(word, self._variables)
                for body in self._structure.functions[name]
                for number in body
                for word in commands[number].words
            )
        return self._bodies[name]

    def _command(self, command: Command) -> None:
        """Follow what one command assigns, and where it writes."""
        words, variables = command.words, self._variables
        written = self._written(command)
        for target in command.redirections.outputs:
            self._keep(target, written)
        start = 0
        for index, word in enumerate(words):
            name = assigned_name(word)
            if name is not None:
                self._assign(name, taint_of(word, variables))
                if not word.literal_is_partial:
                    self._refer(name, [word.cut(word.text.index("=") + 1)])
                    self._literals.setdefault(name, set()).add(word.text.partition("=")[2].rpartition("/")[2])
                start += index == start
        if start == len(words):
            return
        while (name := program_name(words[start])) in {"command", "builtin", "sudo", "exec"}:
            if start + 1 == len(words) or (name == "exec" and command.redirections.inputs):
                break
            start += 1
        arguments = words[start + 1 :]
        given = joined(taint_of(word, variables) for word in arguments)
        if name in {"for", "select"} and arguments:
            values = given if len(arguments) > 1 else variables.get(POSITIONAL, UNTAINTED)
            self._assign(arguments[0].text, values)
            self._refer(arguments[0].text, arguments[1:])
        elif name in {"read", "mapfile", "readarray"}:
            source = joined([command.fed, *(taint_of(word, variables) for _, word in command.redirections.inputs)])
            for variable in [*(word.text for word in arguments), "REPLY", "MAPFILE"]:
                self._assign(variable, source)
        elif name == "getopts" and arguments:
            self._assign(arguments[-1].text, joined([given, variables.get(POSITIONAL, UNTAINTED)]))
        elif name == "printf" and len(arguments) > 1 and arguments[0].text == "-v":
            self._assign(arguments[1].text, given)
        elif name in {"set", ".", "source"}:
            self._assign(POSITIONAL, given)
            self._refer(POSITIONAL, arguments)
        elif name in self._structure.functions:
            self._assign(POSITIONAL, given)
            self._refer(POSITIONAL, arguments)
            inputs = [taint_of(word, variables) for _, word in command.redirections.inputs]
            for body in self._structure.functions[name]:
                for number in body:
                    self._feed(self._structure.commands[number], joined([command.fed, *inputs]))
        elif name == "exec" and not arguments:
            self._ambient = joined([self._ambient, written])
        elif name in _COPIES or (name in _HAVE_CP and "cp" in {word.text for word in arguments[:3]}):
            self._copy(command, arguments, written)
        elif name is not None:
            self._output(name, arguments, written)

    def _copy(self, command: Command, arguments: Sequence[Word], written: Taint) -> None:
        for number, word in enumerate(arguments):
            target = word if "=" not in word.text else word.cut(word.text.index("=") + 1)
            if MARK not in target.text:
                self._keep(target, written)
            elif number == len(arguments) - 1:
                others = [taint_of(other, self._variables) for other in arguments if other is not word]
                self._keep(target, joined([command.fed, *others]))

    def _output(self, name: str, arguments: Sequence[Word], written: Taint) -> None:
        """Follow what a program writes to files that its arguments name, or what it reads."""
        described = lookup(name)
        outputs = (
            [part.word for part in parse(described, arguments).parts if part.role == "output"] if described else []
        )
        for word in outputs:
            others = [taint_of(other, self._variables) for other in arguments if word.text not in other.text]
            self._keep(word, written if MARK not in word.text else joined(others))
        if outputs or not written:
            return
        if name in _COMPILERS:
            self._keep(Word(["a.out"]), written)
        elif files.creates(name, arguments):
            self._keep_as(files.CREATED, written)

    # What is evaluated without a command

    def _declared(self, flags: str) -> frozenset[str]:
        """Return the variables that are declared with one of the flags, or with flags that are not known."""
        names: set[str] = set()
        for command in self._structure.commands:
            words = command.words
            if words and program_name(words[0]) in {"declare", "typeset", "local", "readonly", "export"}:
                given = "".join(word.text for word in words[1:] if word.text[:1] in {"-", "+", EXPANSION})
                if set(given) & set(flags + EXPANSION):
                    names |= {(assigned_name(word) or word.text) for word in words[1:]}
        return frozenset(names)

    def _evaluated(self) -> None:
        for source, _ in self._obeyed:
            self._record.add(
                [Finding(source, "it can be in a file whose content is run because of its path", fatal=False)]
            )
        for names, why in self._structure.evaluated:
            self._report(names, why)
        self._report(self._declared("in"), "it was declared as an integer or a reference, which bash evaluates")
        for command in self._structure.commands:
            words = command.words
            if words and words[0].text == "[[" and any(word.text in _ARITHMETIC_TEST for word in words):
                named = {name for word in words for name in _NAMES.findall(word.text)}
                self._report(named.union(*(word.variables for word in words)), "[[ ]] evaluates it as an expression")
            for word in words:
                if subscripted := names_in_subscript(program_name(words[0]), word.text):
                    self._report(subscripted | word.variables, "bash evaluates a subscript as an expression")

    def _report(self, names: frozenset[str] | set[str], why: str) -> None:
        reached = set(names)
        while further := {other for name in reached for other in self._refers.get(name, ())} - reached:
            reached |= further
        for name in sorted(reached):
            for source, _ in self._variables.get(name, UNTAINTED):
                self._record.add([Finding(source, f"it can be in ${name}, and {why}", fatal=False)])

    def _inner(self, code: str, arguments: Taint, fed: Taint) -> list[Finding]:
        """Judge the code of a shell that this one starts."""
        if self._depth >= _DEEPEST:
            return [Finding(source, "too many shells stand within each other", False) for source, _ in self._everything]
        record = self._read([code])
        variables = {**self._variables, POSITIONAL: joined([arguments, self._variables.get(POSITIONAL, UNTAINTED)])}
        judge(record, self._read, variables, fed, self._depth + 1, self._files)
        if record.lost and (arguments or fed):
            why = f"{record.lost} in the code of a shell is not followed"
            record.add([Finding(source, why, False) for source, _ in joined([arguments, fed])])
        return list(record.sorted())


def _prints_numbers(command: Command) -> bool:
    name = program_name(command.words[0]) if command.words else ""
    options = all(word.text.startswith("-") and not word.led_by_value for word in command.words[1:])
    return name == "seq" or (name == "wc" and options)
