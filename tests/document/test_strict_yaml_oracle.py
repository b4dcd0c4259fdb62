"""strictyaml's own loader is the oracle: same documents accepted, same values, for random and mutated documents.

What our language declares otherwise is left out: `DECLARED` below is the list.
"""

import re
from typing import Any

import strictyaml
from hypothesis import HealthCheck, assume, example, given, reject, settings
from hypothesis import strategies as st
from strictyaml import (
    Bool,
    CommaSeparated,
    Decimal,
    EmptyDict,
    EmptyList,
    EmptyNone,
    Enum,
    FixedSeq,
    Float,
    HexInt,
    Int,
    Map,
    MapCombined,
    MapPattern,
    NullNone,
    Optional,
    Regex,
    ScalarValidator,
    Seq,
    Str,
    UniqueSeq,
    Url,
)

from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue
from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.parsing import parse_yaml
from nika_core.document.yaml.read_limits import ReadLimits
from nika_core.model.clock import SystemClock
from nika_core.model.limits import Limits

ACCEPTED, REFUSED = "accepted", "refused"

DECLARED = {
    "tabs may stand between tokens": re.compile(r"\t"),
    "NEL, LS and PS are characters like any other (YAML 1.2)": re.compile("[\x85\u2028\u2029]"),
    "a key has a text": re.compile(r"(?m)(?:^|[\s,\[{])[ ]*:(?=\s|$)|\?\s*(?=[\]},:\n]|\Z)"),
    "`key:` needs a blank after it in flow style": re.compile(r":(?=[,?\]}\[{])"),
    "an unquoted text in flow style does not start with a colon": re.compile(r"[\[,{]\s*:"),
    "merge keys are refused": re.compile(r"<<"),
    "a comment has a blank before it": re.compile(r"[|>][-+0-9]*#"),
    "a document is more than one text": re.compile(r"\A[^:\-\[{?]*\Z"),
}


def ours(text: str, schema: Any, *, pure: bool = False) -> tuple[str, Any]:
    limits = Limits()
    deadline = ValidationDeadline(SystemClock(), limits)
    tree = parse_yaml(text.encode("utf-8", "surrogatepass"), text, ReadLimits.of(limits), deadline, pure=pure)
    if tree.issues or tree.root is None or isinstance(tree.root, str):
        return REFUSED, [issue.message for issue in tree.issues]
    issues: list[ValidationIssue] = []
    value = compile_schema(schema).check(tree.root, issues)
    return (REFUSED, issues) if issues else (ACCEPTED, value)


def theirs(text: str, schema: Any) -> tuple[str, Any]:
    try:
        found = strictyaml.dirty_load(text, schema, allow_flow_style=True).data
    except NotImplementedError:  # not a refusal: its parser gives up on some comments
        reject()
    except TypeError as error:
        if "UniqueSeq" in repr(schema):  # the same: it puts lists into a set
            reject()
        return REFUSED, error
    except Exception as error:  # it raises much: assertions, attribute errors, errors of its parser
        return REFUSED, error
    return (REFUSED, "a text") if isinstance(found, str) else (ACCEPTED, found)


def agree(text: str, schema: Any) -> None:
    mine, its = ours(text, schema), theirs(text, schema)
    assert mine[0] == its[0], (text, mine, its)
    if mine[0] == ACCEPTED:
        assert mine[1] == its[1]
        assert repr(mine[1]) == repr(its[1])  # True is not 1


WORDS = st.sampled_from(
    ["a", "b", "no", "3", "3.10", "null", "~", "x y", "é", "2001-01-01", "0x1F", "1_000", "true", "-"]
)
KEYS = st.sampled_from(["a", "b", "c", "k1", "key two", "no", "3", "é"])
TREES = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def quoted(draw: Any, text: str) -> str:
    style = draw(st.sampled_from(["plain", "plain", "single", "double"]))
    if style == "single":
        return "'" + text.replace("'", "''") + "'"
    if style == "double":
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


@st.composite
def flow(draw: Any, tree: Any) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{quoted(draw, key)}: {draw(flow(value))}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join([draw(flow(item)) for item in tree]) + "]"
    return quoted(draw, tree) if tree != "-" else "'-'"


@st.composite
def block(draw: Any, tree: Any, indent: int = 0) -> str:
    """A tree as YAML lines in mixed styles."""
    pad = " " * indent
    if not tree or isinstance(tree, str) or draw(st.integers(0, 4)) == 0:
        return pad + draw(flow(tree)) + "\n"
    step = draw(st.sampled_from([1, 2, 4]))
    lines = []
    items = tree.items() if isinstance(tree, dict) else (("", item) for item in tree)
    for key, value in items:
        head = f"{pad}{quoted(draw, key)}:" if isinstance(tree, dict) else f"{pad}-"
        if isinstance(value, str) and value != "-" and draw(st.integers(0, 3)) == 0:
            sign = draw(st.sampled_from(["|", ">", "|-", ">+", "|2"]))
            body = indent + (2 if sign == "|2" else step)
            lines.append(f"{head} {sign}\n{' ' * body}{value}\n{' ' * body}{value}\n")
        elif isinstance(value, str) or not value:
            lines.append(f"{head} {draw(flow(value))}{draw(st.sampled_from(['', '', '  # keep']))}\n")
        else:
            lines.append(f"{head}\n{draw(block(value, indent + step))}")
    return "".join(lines)


DOCUMENTS = TREES.filter(lambda tree: isinstance(tree, dict | list) and tree).flatmap(block)
PIECES = st.sampled_from(
    [*"\n   :,-[]{}'\"|>#&*!%@`?abc01~.\\", "- ", ": ", "  ", "---\n", "...\n", "{{x}}", "\r\n", "&a ", "*a"]
)


@st.composite
def mutated(draw: Any) -> str:
    text = draw(DOCUMENTS)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 3))
        text = text[:at] + draw(PIECES | st.just("")) + text[at + cut :]
    return text


QUIET = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@QUIET
@given(DOCUMENTS)
def test_random_documents_have_the_same_value(text: str) -> None:
    assert theirs(text, strictyaml.Any())[0] == ACCEPTED or "block" in str(theirs(text, strictyaml.Any())[1])
    agree(text, strictyaml.Any())


@settings(QUIET, max_examples=200)
@given(mutated())
@example("a: &x 1\nb: *x\n")
@example("a: !!str 1\n")
@example("a: 1\na: 2\n")
@example("a: 1\n---\nb: 2\n")
@example("a: {b: 1, b: 2}\n")
@example("[a]: b\n")
@example("{a: b}: c\n")
@example("? a\n: b\n")
@example("a: [1, 2\n")
@example("a:\n  b: 1\n c: 2\n")
def test_mutated_documents_are_both_accepted_or_both_refused(text: str) -> None:
    assume(not any(pattern.search(text) for pattern in DECLARED.values()))
    agree(text, strictyaml.Any())


class Even(ScalarValidator):  # type: ignore[misc]  # strictyaml has no types
    """An author's own."""

    def validate_scalar(self, chunk: Any) -> Any:
        if len(chunk.contents) % 2:
            chunk.expecting_but_found("when expecting an even length", "found an odd one")
        return chunk.contents.upper()


SCALARS = st.sampled_from(
    [
        Str(), Int(), Float(), Bool(), Decimal(), HexInt(), NullNone(), EmptyNone(), EmptyDict(), EmptyList(), Url(),
        Enum(["a", "b", "3"]), Enum([1, 3], item_validator=Int()), Regex("[a-c]"), CommaSeparated(Str()), Even(),
        strictyaml.Any(),
    ]
)  # fmt: skip
HASHABLE = st.sampled_from([Str(), Int(), Bool(), Enum(["a", "b"]), Regex("[a-z]"), Even()])


def maps(inner: Any) -> Any:
    fields = st.dictionaries(KEYS, inner, min_size=1, max_size=3)

    def with_optional(found: tuple[dict[str, Any], list[bool]]) -> Any:
        chosen, flags = found
        return Map(
            {Optional(key) if flag else key: value for (key, value), flag in zip(chosen.items(), flags, strict=False)}
        )

    return st.tuples(fields, st.lists(st.booleans(), min_size=3, max_size=3)).map(with_optional)


def either(pair: tuple[Any, Any]) -> Any:
    try:
        return pair[0] | pair[1]
    except strictyaml.exceptions.InvalidValidatorError:
        return pair[0]


SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        maps(inner),
        st.builds(Seq, inner),
        st.builds(UniqueSeq, HASHABLE),
        st.builds(FixedSeq, st.lists(inner, min_size=1, max_size=3)),
        st.builds(MapPattern, HASHABLE, inner, st.none() | st.just(1), st.none() | st.just(2)),
        st.tuples(inner, inner).map(either),
        st.builds(lambda first, value: MapCombined({Optional("a"): first}, Str(), value), inner, inner),
    ),
    max_leaves=6,
)


@settings(QUIET, max_examples=200)
@given(DOCUMENTS, SCHEMAS)
def test_schemas_accept_the_same_documents_with_the_same_values(text: str, schema: Any) -> None:
    agree(text, schema)


def test_defaults_are_filled_in_alike() -> None:
    schema = Map({"a": Str(), Optional("n", default=3): Int(), Optional("l", default=["x"]): Seq(Str())})
    agree("a: b\n", schema)
    agree("a: b\nn: 5\n", schema)
    agree("a: b\nl: [y, z]\n", schema)


class Pair(strictyaml.Validator):  # type: ignore[misc]  # strictyaml has no types
    """An author's own validator of a whole mapping, by strictyaml's own means."""

    def validate(self, chunk: Any) -> None:
        for key, value in chunk.expect_mapping():
            key.process(Str()(key))
            value.process(Int()(value))
        if len(chunk.contents) != 2:
            chunk.expecting_but_found("when expecting a pair")


@given(st.sampled_from(["a: 1\nb: 2\n", "a: 1\n", "a: x\nb: 2\n", "- 1\n", "c: {a: 1, b: 2}\n", "c: {a: 1}\n"]))
def test_a_validator_of_an_authors_own_runs_as_it_is(text: str) -> None:
    agree(text, Pair())
    agree(text, Map({"c": Pair()}))
    agree(text, MapPattern(Str(), Pair() | Int()))


@settings(QUIET, max_examples=60)
@given(DOCUMENTS | mutated())
def test_the_pure_parser_reads_the_same(text: str) -> None:
    assume(not any(pattern.search(text) for pattern in DECLARED.values()))
    one, other = ours(text, strictyaml.Any()), ours(text, strictyaml.Any(), pure=True)
    if one[0] == other[0] == ACCEPTED:
        assert one[1] == other[1]


@settings(QUIET, max_examples=60)
@given(DOCUMENTS)
def test_the_pure_parser_accepts_the_same(text: str) -> None:
    assert ours(text, strictyaml.Any()) == ours(text, strictyaml.Any(), pure=True)
