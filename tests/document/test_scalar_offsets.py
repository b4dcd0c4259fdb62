"""A character of a value leads to the very same character in the text, in every style."""

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.document.yaml.scalar_offsets import offset_in_text

WORDS = st.text(st.sampled_from('ab X9{}$.é😀"\\'), max_size=12)


def scalar(text: str) -> tuple[int, str]:
    """Start and value of the only value of `a: ...`."""
    loader = yaml.CBaseLoader(text)
    node = loader.get_single_node()
    value = node.value[0][1]
    return value.start_mark.index, value.value


def marker_is_found(text: str) -> None:
    start, value = scalar(text)
    at = offset_in_text(text, start, value, value.index("@"))
    assert text[at] == "@", (text, value, at)


@given(WORDS, WORDS)
def test_in_double_quotes(before: str, after: str) -> None:
    text = (
        f"{before}@{after}".replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("é", "\\u00e9")
        .replace("😀", "\\U0001F600")
    )
    marker_is_found(f'a: "{text}"\n')


@given(WORDS, WORDS)
def test_in_single_quotes(before: str, after: str) -> None:
    marker_is_found(f"a: '{before}''@{after}'\n")


@given(
    st.lists(st.text("ab 9", max_size=6), max_size=5), st.sampled_from([1, 2, 5]), st.sampled_from(["|", "|-", "|+"])
)
def test_in_literal_blocks(lines: list[str], indent: int, sign: str) -> None:
    body = ["x", *lines, "b @ c", "end"]
    marker_is_found(f"a: {sign}\n" + "".join(f"{' ' * indent}{line}\n" for line in body) + "b: c\n")


@given(
    st.lists(st.sampled_from(["", "one", "two words", "  more", "x"]), max_size=5),
    st.sampled_from([">", ">-", ">+"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_in_folded_blocks(lines: list[str], sign: str, end: str) -> None:
    body = ["x", *lines, "b @ c", "end"]
    marker_is_found(f"a: {sign}{end}" + "".join(f"  {line}{end}" if line else end for line in body) + f"b: c{end}")


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["", "one", "two words", "x"]), max_size=4), st.sampled_from(["", "'", '"']))
def test_in_flow_scalars_of_several_lines(lines: list[str], quote: str) -> None:
    body = ["x", *lines, "b @ c", "end"]
    marker_is_found(f"a: {quote}" + "\n".join(f"   {line}" if line else "" for line in body).strip() + f"{quote}\n")


@given(st.text(st.sampled_from("ab\n '\"\\|>@:#-é"), max_size=30), st.integers(0, 40))
def test_nothing_is_too_odd(text: str, offset: int) -> None:
    found: Any = offset_in_text(text, 0, text, offset)
    assert 0 <= found <= len(text)


def test_an_escaped_line_break_is_no_character() -> None:
    marker_is_found('a: "one \\\n    two @"\n')
