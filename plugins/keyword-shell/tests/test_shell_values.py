"""Nasty values in every quoting position, run by real shells: no value becomes code, none loses a byte."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from nika_keyword_shell.script import put_together, scanned

from nika_core.model.template import Template
from nika_core.template.compiler import compile_template

# What /bin/sh is on Linux and macOS, each under the name that the keyword starts it by: zsh and bash follow POSIX only
# when they are called `sh`. ksh93 is /bin/sh on neither, and expands `~"$x"`, which POSIX calls a literal tilde.
SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh", "busybox") if shutil.which(shell)]

VALUES = {
    "empty": "",
    "plain": "abc",
    "blanks": "  a  b\t c  ",
    "only a blank": " ",
    "line breaks": "\na\n\nb\n\n",
    "single quote": "it's '",
    "double quote": 'say "hi" "',
    "both quotes": "'\"'\"''\"\"",
    "dollar": "$HOME ${HOME} $$ $",
    "substitution": "$(touch pwned) `touch pwned`",
    "closing and running": "'; touch pwned; '",
    "closing double and running": '"; touch pwned; "',
    "operators": "; touch pwned & touch pwned | cat && touch pwned",
    "new line and command": "\ntouch pwned\n",
    "arithmetic": "a[$(touch pwned)]",
    "backslashes": "\\ \\\\ \\n \\' \\\" \\",
    "glob": "* ? [a-z] **",
    "braces": "{a,b} {1..3}",
    "tilde": "~ ~root",
    "dashes": "-rf",
    "long option": "--help",
    "comment": "# not a comment",
    "redirection": "> pwned < /etc/passwd",
    "here-document": "EOF\ntouch pwned\n",
    "history": "!! !$ !touch",
    "percent": "%s %d %n",
    "assignment": "PATH=/nowhere",
    "template": "{{other}} ${input.x}",
    "unicode": "äöü € 𝄞 \u202e",
    "control": "\x01\x1b[31m\x7f\r",
    "null word": "\\0",
    "case end": ") touch pwned ;; esac",
    "closing brace": "} touch pwned; {",
    "long": "x" * 100_000,
}

# Each prints the words that it got, each followed by a byte that no value here has.
SHOW = "printf '%s\\002' "
POSITIONS = {
    "unquoted": (SHOW + "{{x}}", ["{}"]),
    "double": (SHOW + '"{{x}}"', ["{}"]),
    "single": (SHOW + "'{{x}}'", ["{}"]),
    "glued": (SHOW + "a{{x}}b", ["a{}b"]),
    "glued in double": (SHOW + '"a {{x}} b"', ["a {} b"]),
    "glued in single": (SHOW + "'a {{x}} b'", ["a {} b"]),
    "twice": (SHOW + "{{x}}{{x}} {{x}}", ["{}{}", "{}"]),
    "before a name": (SHOW + '"{{x}}abc" {{x}}_1', ["{}abc", "{}_1"]),
    "after a variable": ("v=1; " + SHOW + '$v{{x}} "$v{{x}}"', ["1{}", "1{}"]),
    "after a tilde": (SHOW + "~{{x}}/x", ["~{}/x"]),
    "after an equals sign": (SHOW + "--name={{x}}", ["--name={}"]),
    "between quotes": (SHOW + "'a'{{x}}\"b\"", ["a{}b"]),
    "assignment": ("v={{x}}; " + SHOW + '"$v"', ["{}"]),
    "assignment for one command": ('v={{x}} sh -c \'printf "%s\\002" "$v"\'', ["{}"]),
    "export": ("export v={{x}}; " + SHOW + '"$v"', ["{}"]),
    "substitution": (SHOW + '"$(printf %s {{x}}; printf .)"', ["{}."]),
    "quoted in substitution in quotes": (SHOW + '"a$(printf %s "{{x}}"; printf .)b"', ["a{}.b"]),
    "two substitutions deep": (SHOW + '"$(printf %s "$(printf %s \'{{x}}\'; printf .)")"', ["{}."]),
    "subshell": ("(" + SHOW + "{{x}})", ["{}"]),
    "group": ("{ " + SHOW + "{{x}}; }", ["{}"]),
    "function": ("f() { " + SHOW + '"$1"; }; f {{x}}', ["{}"]),
    "case word": ("case {{x}} in abc) :;; *) :;; esac; " + SHOW + "{{x}}", ["{}"]),
    "case pattern": ("case {{x}} in {{x}}) " + SHOW + "same;; *) " + SHOW + "other;; esac", ["same"]),
    "case in substitution": (SHOW + '"$(case a in (a) printf %s {{x}};; b) :;; esac; printf .)"', ["{}."]),
    "loop": ("for v in {{x}} b; do " + SHOW + '"$v"; done', ["{}", "b"]),
    "condition": ("if [ {{x}} = {{x}} ]; then " + SHOW + "same; fi", ["same"]),
    "after a comment": ('# it\'s "not" $(closed\n' + SHOW + "{{x}}", ["{}"]),
    "in a comment": ("# {{x}} '{{x}}'\n" + SHOW + "a", ["a"]),
    "comment in substitution": (SHOW + '"$(printf %s {{x}} # it is {{x}}\nprintf .)"', ["{}."]),
    "after a here-document": ("cat <<'EOF' >/dev/null\nit's `not` $(closed\nEOF\n" + SHOW + "{{x}}", ["{}"]),
    "beside a here-document": ("cat <<EOF >/dev/null; " + SHOW + "{{x}}\n$HOME\nEOF\n", ["{}"]),
    "after a line continuation": (SHOW + "\\\n{{x}}", ["{}"]),
    "after an escaped quote": (SHOW + '\\\'{{x}}\\" "\\"{{x}}"', ["'{}\"", '"{}']),
    "beside a parameter": ("v=1; " + SHOW + '${v}{{x}} "${v#a}{{x}}" "${u:-b}{{x}}"', ["1{}", "1{}", "b{}"]),
    "beside arithmetic": (SHOW + '$((1 + (2)))"{{x}}"', ["3{}"]),
    "after backquotes": (SHOW + "`printf '%s' a`{{x}}", ["a{}"]),
    "in the background": (SHOW + "{{x}} & wait", ["{}"]),
    "pipe": (SHOW + "{{x}} | cat", ["{}"]),
    "argument of a shell": ('sh -c \'printf "%s\\002" "$1"\' sh {{x}}', ["{}"]),
    "set": ("set -- {{x}} b; " + SHOW + '"$@"', ["{}", "b"]),
}


def _run(shell: str, script: str, values: dict[str, str], folder: Path) -> bytes:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **values}
    ended = subprocess.run(
        ["sh", "-c", script],
        executable=shutil.which(shell),
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == b"", ended.stderr
    return ended.stdout


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_value_arrives_as_it_is_in_every_position(shell: str, position: str, tmp_path: Path) -> None:
    command, expected = POSITIONS[position]
    template = compile_template(command)
    assert isinstance(template, Template)
    assert not scanned(template).refused
    for name, value in VALUES.items():
        made = put_together(template, [value] * len(template.placeholders))
        got = _run(shell, made["script"], made["values"], tmp_path).decode()
        assert got.split("\2")[:-1] == [one.replace("{}", value) for one in expected], name
        assert list(tmp_path.iterdir()) == [], name
