"""The options of other programs: every way to write the same arguments finds the same code."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_keyword_shell.options import CODE_ROLES, ROLES, Grammar, grammar, parse
from nika_keyword_shell.programs import lookup, programs
from nika_keyword_shell.words import Word

TEXTS = st.text(alphabet="abcdefgn-+=./:", min_size=0, max_size=6)


def _words(arguments: Sequence[str]) -> list[Word]:
    return [Word([argument]) for argument in arguments]


def _code(name: str, arguments: Sequence[str]) -> list[str]:
    described = lookup(name)
    assert described is not None
    return [part.word.text for part in parse(described, _words(arguments)).parts if part.role in CODE_ROLES]


@pytest.mark.parametrize(
    ("name", "written", "code"),
    [
        ("sh", "-c CODE", ["CODE"]),
        ("sh", "-ec CODE name", ["CODE"]),
        ("sh", "-c -e CODE", ["CODE"]),
        ("bash", "-o pipefail -c CODE", ["CODE"]),
        ("bash", "-eo pipefail -c CODE", ["CODE"]),
        ("bash", "+O extglob -c CODE", ["CODE"]),
        ("bash", "-O extglob --norc -xc CODE", ["CODE"]),
        ("bash", "script -c DATA", []),
        ("sh", "-- -c CODE", []),
        ("python3.11", "-c CODE -c DATA", ["CODE"]),
        ("python3", "-W ignore -Ic CODE", ["CODE"]),
        ("python3", "-W -c DATA", []),
        ("python3", "-ucCODE", ["CODE"]),
        ("python3", "script.py -c DATA", []),
        ("perl", "-we CODE -e MORE DATA", ["CODE", "MORE"]),
        ("perl", "-I -e DATA", []),
        ("node", "--eval=CODE", ["CODE"]),
        ("node", "--eval CODE", ["CODE"]),
        ("node", "-r module -p CODE", ["CODE"]),
        ("sed", "CODE DATA", ["CODE"]),
        ("sed", "DATA -e CODE", ["DATA", "CODE"]),  # options may come later: the first operand is refused too
        ("sed", "-i.bak -ne CODE DATA", ["CODE"]),
        ("sed", "--exp=CODE DATA", ["CODE"]),
        ("awk", "-v -e CODE DATA", ["CODE"]),
        ("awk", "-F : -v a=b CODE DATA", ["CODE"]),
        ("awk", "-f script DATA", []),
        ("jq", "--arg a b CODE DATA", ["CODE"]),
        ("gsed", "CODE", ["CODE"]),
        ("su", "me -c CODE", ["CODE"]),
        ("script", "file -qc CODE", ["CODE"]),
        ("env", "-i -S CODE", ["CODE"]),
        ("tar", "cf file -I CODE", ["CODE"]),
        ("tar", "xIf CODE file", ["CODE"]),
    ],
)
def test_options_are_read_as_the_program_reads_them(name: str, written: str, code: list[str]) -> None:
    assert _code(name, written.split(" ")) == code


@pytest.mark.parametrize(
    ("name", "written", "program"),
    [
        ("nice", "-n 5 sh", 2),
        ("nice", "-5 sh", 1),
        ("timeout", "-k 5 --signal=TERM 5 sh -c CODE", 4),
        ("sudo", "-u me -- sh", 3),
        ("env", "-u A B=c sh", 3),
        ("xargs", "-0 -I % -n1 sh", 4),
        ("flock", "-w 5 file sh", 3),
        ("chroot", "--userspec=a / sh", 2),
        ("stdbuf", "-o0 -e L sh", 3),
        ("time", "-f %e sh", 2),
    ],
)
def test_the_command_that_another_one_runs_is_found(name: str, written: str, program: int) -> None:
    described = lookup(name)
    assert described is not None
    assert parse(described, _words(written.split(" "))).program == program


@given(st.sampled_from(sorted(programs())), st.lists(TEXTS, max_size=8))
def test_any_arguments_can_be_read_and_no_word_is_read_twice(name: str, arguments: list[str]) -> None:
    read = parse(programs()[name], _words(arguments))
    assert {part.role for part in read.parts} <= ROLES
    assert len(read.parts) + len(read.assignments) <= len(arguments)
    assert read.program is None or read.program < len(arguments)


@given(
    st.sampled_from(["-e", "-n", "--flag", "--eval"]),
    st.text(alphabet="abc", min_size=1, max_size=4),
    st.lists(st.sampled_from(["-x", "-y", "--other", "-d d"]), max_size=3),
)
def test_an_argument_in_the_same_word_means_what_it_means_in_the_next(
    option: str, text: str, before: list[str]
) -> None:
    described: Grammar = grammar("data*", "", "-e:code -n:data --flag:data --eval:code -d:data", "permutes")
    flags = [word for one in before for word in one.split(" ")]
    apart = parse(described, _words([*flags, option, text, "end"]))
    together = parse(
        described, _words([*flags, f"{option}={text}" if option.startswith("--") else option + text, "end"])
    )
    assert [(part.role, part.word.text) for part in apart.parts] == [
        (part.role, part.word.text) for part in together.parts
    ]


def test_every_grammar_uses_known_roles() -> None:
    for name, described in programs().items():
        roles = {role.rstrip("*") for role in (*described.operands, *described.coded)}
        roles |= {option.role for option in described.options.values()}
        assert roles <= ROLES | {"coded", "stdin", "inert"}, name
