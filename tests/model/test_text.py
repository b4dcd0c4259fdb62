"""Unsafe characters: one set, shown in every printed form."""

import json

import pytest

from nika_core.model.text import escape_unsafe, visible

UNSAFE = "\x00\x07\x1b\x7f\x9b\u00ad\u061c\u200b\u200e\u202e\u2028\u2066\ufeff\U000e0041"
UNSAFE += "\u034f\u115f\u1160\u17b4\u17b5\u180e\u3164\ufe00\ufe0d\uffa0\ufff0\ufff8\U0001bca0\U0001d173\U000e0100"


@pytest.mark.parametrize("character", UNSAFE)
def test_an_unsafe_character_is_in_no_printed_form(character):
    text = f"a{character}b"
    assert character not in escape_unsafe(text) + escape_unsafe(text, short=True) + visible(text)
    assert json.loads(escape_unsafe(json.dumps(text, ensure_ascii=False))) == text


def test_what_people_write_is_printed_as_it_is():
    text = "a\tb\nné 漢字 می\u200cخواهم 👨\u200d👩 ✔\ufe0f"
    assert escape_unsafe(text) == escape_unsafe(text, short=True) == text
    assert visible(text) == "a b⏎né 漢字 می\u200cخواهم 👨\u200d👩 ✔\ufe0f"


def test_each_form_says_which_character_it_was():
    assert escape_unsafe("\x1b\u202e\U000e0041") == r"\u001b\u202e\udb40\udc41"
    assert escape_unsafe("\x1b\x9b\u202e", short=True) == r"\x1b\x9b\u202e"
    assert visible("\x1b\x7f\u202e") == "␛␡<U+202E>"
