"""A plain script is scanned as any other would be, only faster."""

from hypothesis import given, settings
from hypothesis import strategies as st
from nika_keyword_shell.analysis import Scan, scan, scan_closely
from nika_keyword_shell.plain_scripts import quoting_in_plain

VALUE = "\0"
PROGRAMS = ["echo", "grep", "cat", "cp", "mv", "rm", "ls", "mkdir", "touch", "which", "egrep", "fgrep"]
OTHERS = ["eval", "sh", "printf", "if", "for", "time", "set", VALUE, "./cat", "x=1", "echo=", "grep[", "{", "--", "-f"]
WORDS = [
    "a",
    "-c",
    "notes.txt",
    "/tmp/x",
    VALUE,
    f"a{VALUE}b",
    '"two words"',
    f'"{VALUE} x"',
    f'x"{VALUE}"',
    "10%",
    "a:b",
]
ODD = [
    "'x'",
    "$HOME",
    f"$({VALUE})",
    "`x`",
    "#",
    "|",
    "&",
    ";",
    "<",
    "*",
    "~",
    "\\",
    '"',
    "2>",
    ">&",
    "=",
    "[",
    "!",
    "é",
]
SPACES = [" ", "\n", "  ", "\t", "\n\n", " > ", " >> ", " >", ""]
pieces = st.lists(st.sampled_from(PROGRAMS + WORDS + SPACES * 3), max_size=14).map("".join)
any_pieces = st.lists(st.sampled_from(PROGRAMS + OTHERS + WORDS + ODD + SPACES * 3), max_size=14).map("".join)


def check(text: str, env: bool, stdin: bool) -> bool:
    """Whether the text is plain; then no closer look may find anything else."""
    literals = text.split(VALUE)
    quoting = quoting_in_plain(literals)
    if quoting is not None:
        assert scan_closely(literals, ["NAME"] if env else [], stdin=stdin) == Scan(quoting, ())
    return quoting is not None


@settings(max_examples=300)
@given(pieces, st.booleans(), st.booleans())
def test_what_is_taken_for_plain_is_found_harmless_word_by_word(text: str, env: bool, stdin: bool) -> None:
    check(text, env, stdin)


@settings(max_examples=300)
@given(any_pieces, st.booleans(), st.booleans())
def test_what_is_not_plain_is_not_taken_for_it(text: str, env: bool, stdin: bool) -> None:
    check(text, env, stdin)


def test_many_commands_are_plain() -> None:
    text = f'mkdir -p out\ngrep -c {VALUE} notes.txt\necho "counted {VALUE}" >> log.txt\n'
    assert check(text, env=True, stdin=True)


def test_a_literal_nul_is_not_taken_for_a_value() -> None:
    assert quoting_in_plain(["echo \0"]) is None
    assert scan(["echo \0", ""]) == scan_closely(["echo \0", ""])
