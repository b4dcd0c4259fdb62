"""Text -> compiled template."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nika_core.errors import NikaError
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.template import TemplateSyntaxError, compile_template, compiler, render, to_text


def compiled(text: str) -> Template:
    found = compile_template(text)
    assert isinstance(found, Template)
    return found


def only(text: str) -> Placeholder:
    (found,) = compiled(text).placeholders
    return found


def test_a_text_without_a_template_is_returned_as_it_is_the_same_object():
    for text in ("", "plain", "a } b }}", "{ x }", "$x ${HOME} ${f%.txt} ${#a} ${a:-b}", "\\n \\$ \\{"):
        assert compile_template(text) is text


@pytest.mark.parametrize(
    ("text", "source", "path"),
    [
        ("{{fetch}}", "task", ("fetch",)),
        ("{{ fetch }}", "task", ("fetch",)),
        ("{{fetch.field.0.name}}", "task", ("fetch", "field", "0", "name")),
        ("{{\tfetch.x\n}}", "task", ("fetch", "x")),
        ("{{fetch.headers.content-type}}", "task", ("fetch", "headers", "content-type")),
        ("{{a-b_C9.größe}}", "task", ("a-b_C9", "größe")),
        ('{{fetch."a key.with dots".x}}', "task", ("fetch", "a key.with dots", "x")),
        ("${input.topic}", "input", ("topic",)),
        ("${ input.topic.0 }", "input", ("topic", "0")),
        ("${env.HOME}", "env", ("HOME",)),
        ("${my-vault.secret}", "my-vault", ("secret",)),
        ('${vault."a/b"}', "vault", ("a/b",)),
    ],
)
def test_forms_of_a_placeholder(text: str, source: str, path: tuple[str, ...]):
    found = only(text)
    assert (found.source, found.path, found.default) == (source, path, MISSING)
    assert (found.start, found.end, found.text) == (0, len(text), text)
    assert compiled(text).single == found


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ('{{a ?? "none"}}', "none"),
        ('{{a??"none"}}', "none"),
        ('{{a.b ?? "}}"}}', "}}"),
        ('{{a ?? {"b": {"c": [1]}}}}', {"b": {"c": [1]}}),
        ("{{a ?? null}}", None),
        ("{{a ?? -0.5}}", -0.5),
        ("{{a ?? [] }}", []),
        ('${env.X ?? ""}', ""),
        ("${env.X ?? {}}", {}),
        ("${input.n ?? 3}", 3),
        ("{{a ?? 'none'}}", "none"),
        ("{{a ?? ''}}", ""),
        (r"""{{a ?? 'it\'s "quoted" \n }} ä'}}""", 'it\'s "quoted" \n }} ä'),
        ("{{a ?? b.c ?? true}}", True),
        ("{{a ?? 1e3}}", 1000.0),
    ],
)
def test_a_default_is_a_json_literal(text: str, default: object):
    found = only(f"before {text} after")
    assert found.has_default
    assert found.default == default
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("{{a ?? b}}", [("task", ("b",), 7, "{{b}}")]),
        ("{{a??b.x.0??c}}", [("task", ("b", "x", "0"), 5, "{{b.x.0}}"), ("task", ("c",), 12, "{{c}}")]),
        ('{{ a ?? b."x y" ?? "" }}', [("task", ("b", "x y"), 8, '{{b."x y"}}')]),
        ("{{a ?? true-ish ?? 2nd.x ?? nullable}}", [("task", ("true-ish",), 7, "{{true-ish}}"),
            ("task", ("2nd", "x"), 19, "{{2nd.x}}"), ("task", ("nullable",), 28, "{{nullable}}")]),
        ("{{a ?? 007 ?? 1-b}}", [("task", ("007",), 7, "{{007}}"), ("task", ("1-b",), 14, "{{1-b}}")]),
        ("${task.a ?? input.t.x ?? ''}", [("input", ("t", "x"), 12, "${input.t.x}")]),
    ],
)  # fmt: skip
def test_a_chain_has_further_references(text: str, references: list[tuple[str, tuple[str, ...], int, str]]):
    found = only(f"{text} ")
    assert (found.text, found.is_optional, found.chained) == (text, True, False)
    assert [(a.source, a.path, a.start, a.text) for a in found.alternatives] == references
    assert all(a.chained and a.is_optional and not a.has_default for a in found.alternatives)
    assert [text[a.start : a.end] for a in found.alternatives] == [
        a.text.lstrip("${").rstrip("}") for a in found.alternatives
    ]
    assert found.members == (found, *found.alternatives)
    assert not only("{{a}}").is_optional


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        (r"\{{x}}", "{{x}}"),
        (r"\${input.x}", "${input.x}"),
        (r"\${HOME}", "${HOME}"),
        (r"a \{{ b {{t}} \${c.d} e", "a {{ b V ${c.d} e"),
        (r"\{{{{t}}}}", "{{V}}"),
        (r"${HOME} {{t}} ${f%.txt}", "${HOME} V ${f%.txt}"),
        ("{{t}}}", "V}"),
        ('{"a": {{t}}}', '{"a": V}'),
        ("$${input.x}", "$V"),
        (r"\\{{t}}", "\\V"),
        (r"\\${input.x}", "\\V"),
        (r"\\\{{x}}", r"\{{x}}"),
        (r"\\\\{{t}} \a \\", r"\\V \a \\"),
        (r"\\${HOME}", r"\${HOME}"),
        (r"\\${{t}}", r"\$V"),
        ("${x-.5}{{t}}", "${x-.5}V"),
    ],
)
def test_escapes_and_text_that_only_looks_like_a_template(text: str, rendered: str):
    template = compiled(text)
    assert render(template, ["V"] * len(template.placeholders)) == rendered


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("x {{", 2, "never closed", r"\{{"),
        ("{{a", 0, "never closed", "}}"),
        ("${input.a", 0, "never closed", "}"),
        ("{{}}", 0, "names no task", r"\{{"),
        ("{{ }}", 0, "names no task", "{{task}}"),
        ("docker ps --format {{.Names}}", 19, "not a template", r"\{{"),
        ("{{{a}}}", 0, "not a template", r"\{{"),
        ("{{-a}}", 0, "not a template", r"\{{"),
        ("{{a-}}", 0, "not a template", r"\{{"),
        ("{{a.}}", 4, "missing after the '.'", r"\{{"),
        ("{{a..b}}", 4, "missing after the '.'", r"\{{"),
        ("{{a}", 3, "expected }}", "two braces"),
        ("{{a b}}", 4, "expected }}", r"\{{"),
        ("{{a | upper}}", 6, "no pipe `upper`", "the pipes are"),
        ("{{a[0]}}", 3, "expected }}", ".0"),
        ("{{a.b/c}}", 5, "expected }}", "quotes"),
        ("{{a.@type}}", 4, "cannot stand in a path", "quotes"),
        ("{{a ? 1}}", 4, "expected }}", "??"),
        ("{{a ?? }}", 7, "missing after ??", "?? 'none'"),
        ("{{a ??", 6, "missing after ??", "?? other.text"),
        ("{{a ?? ?? b}}", 7, "missing after ??", "?? other.text"),
        ("${env.A ?? }", 11, "missing after ??", "?? task.other.text"),
        ("{{a ?? b-}}", 7, "begins neither a reference nor a value", "?? other.text"),
        ("{{a ?? @b}}", 7, "begins neither a reference nor a value", "?? other.text"),
        ("{{a ?? {{b}}", 8, "not JSON", "JSON is"),
        ("{{a ?? -x}}", 7, "not JSON", "JSON is"),
        ("{{a ?? 'x}}", 7, "never closed", "'"),
        (r"{{a ?? 'b\q'}}", 9, "this escape means nothing", "backslash"),
        (r"{{a ?? 'b\u12'}}", 9, "this escape means nothing", "backslash"),
        ("{{a ?? 'b\nc'}}", 9, "no control characters", r"\\n if YAML"),
        ('{{a | join("\n")}}', 12, "no control characters", r"\\n if YAML"),
        ("{{a ?? 'x' ?? b}}", 11, "nothing can follow a literal", "last"),
        ("{{a ?? null ?? b}}", 12, "nothing can follow a literal", "last"),
        ("{{a ?? b. ?? c}}", 9, "missing after the '.'", r"\{{"),
        ("{{a ?? b c}}", 9, "expected }}", r"\{{"),
        ("{{a ?? b | upper}}", 11, "no pipe `upper`", "function"),
        ("${env.A ?? b}", 11, "'b' names no template source", "?? task.b"),
        ("${env.A ?? 0b.x}", 11, "'0b.x' names no template source", "?? task.0b.x"),
        ("{{a" + " ?? a" * 101 + "}}", 3 + 5 * 100 + 4, "more than 100 references", r"\{{"),
        ('{{a ?? "x" y}}', 11, "expected }}", "only }} may follow"),
        ("${input.}", 8, "missing after the '.'", r"\${"),
        ("${input.a|b}", 10, "no pipe `b`", "function"),
        ("{{a | lenght}}", 6, "no pipe `lenght`", "did you mean `length`?"),
        ("{{a | }}", 6, "name of a pipe is missing", "the pipes are"),
        ("{{a | length ?? 0}}", 13, "`??` stands after a pipe", "before the first pipe"),
        ("{{a | length(1)}}", 6, "takes no arguments, and here are 1", "{{task | length}}"),
        ("{{a | join}}", 6, "takes 1 argument, and here are 0", "{{task | join(', ')}}"),
        ("{{a | first(-1)}}", 6, "a whole number from 0", "{{task | first(3)}}"),
        ("{{a | first(true)}}", 6, "a whole number from 0", "{{task | first(3)}}"),
        ("{{a | pluck('')}}", 6, "a path in quotes", "pluck('name')"),
        ("{{a | pluck('.')}}", 6, "a path in quotes", "pluck('name')"),
        ("{{a | join(b)}}", 11, "are literals", "join(', ')"),
        ("{{a | join('x'}}", 14, "not closed", "join(', ')"),
        ("{{a | join('x',)}}", 15, "are literals", "join(', ')"),
        ("{{a | join('x}}", 11, "not JSON: the text that begins here is never closed", "'"),
        ("{{a | trim b}}", 11, "expected }}", r"\{{"),
        ("{{a || b}}", 4, "expected }}", "pipes"),
        ("{{a" + " | trim" * 101 + "}}", 3 + 7 * 100 + 1, "more than 100 pipes", "function"),
    ],
)
def test_an_error_says_where_why_and_how_to_fix_it(text: str, offset: int, message: str, hint: str):
    with pytest.raises(TemplateSyntaxError) as caught:
        compile_template(text)
    assert message in caught.value.message
    assert caught.value.offset == offset
    assert hint in (caught.value.hint or "")
    assert isinstance(caught.value, NikaError)
    assert caught.value.code == "NIKA-051"


@pytest.mark.parametrize(
    ("text", "offsets", "rest"),
    [
        ("{{a b}} {{c.}} {{d}}", [4, 12], ["{{d}}"]),
        ("{{a}} {{}} ${input.} ${env.X}", [6, 19], ["{{a}}", "${env.X}"]),
        ("{{a b}} \\{{c d}} ${HOME x}", [4], []),
        ("{{a {{b}}", [4], ["{{b}}"]),
        ("{{a {{b c}}", [4, 8], []),
        ("{{{a}}}", [0], []),
        ("x {{ and {{b ?? 'y}}", [9, 16], []),
        ("{{a ?? b c}} {{d ?? e}}", [9], ["{{d ?? e}}"]),
        ('{{a."k}} {{b', [4, 9], []),
    ],
)
def test_every_error_of_a_text_is_told_and_what_can_be_read_is_read(text: str, offsets: list[int], rest: list[str]):
    with pytest.raises(TemplateSyntaxError) as caught:
        compile_template(text)
    error = caught.value
    assert [each.offset for each in (error, *error.further)] == offsets
    read = error.rest.placeholders if isinstance(error.rest, Template) else ()
    assert [placeholder.text for placeholder in read] == rest
    assert render(error.rest, [placeholder.text for placeholder in read]) == text.replace("\\{{", "{{")


def test_a_default_that_is_nested_without_end_is_an_error_not_a_crash():
    with pytest.raises(TemplateSyntaxError, match="nested too deeply"):
        compile_template("{{a ?? " + "[" * 100_000)
    with pytest.raises(TemplateSyntaxError, match="not JSON"):
        compile_template("{{a ?? " + "9" * 10_000 + "}}")


def test_a_text_is_compiled_once_and_the_memory_for_it_is_bounded():
    assert compile_template("once {{a}}") is compile_template("once {{a}}")
    for number in range(compiler._MAX_CACHED + 10):
        compile_template(f"{{{{t{number}}}}}")
    assert len(compiler._cache) <= compiler._MAX_CACHED
    long = "x" * compiler._MAX_CACHED_LENGTH + "{{a}}"
    compile_template(long)
    assert long not in compiler._cache


def test_a_template_is_an_immutable_value():
    template = compiled("a {{b}}")
    with pytest.raises(AttributeError):
        template.text = "x"  # type: ignore[misc]  # that is the point
    assert template == Template("a {{b}}", ("a ", *template.placeholders))
    assert hash(template) == hash(Template("a {{b}}", ("a ", *template.placeholders)))


names = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,6}[A-Za-z0-9_])?", fullmatch=True)
steps = st.from_regex(r"[\w-]{1,6}", fullmatch=True)
spaces = st.sampled_from(["", " ", "  ", "\n"])
literals = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab}\"{'\\\n", max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("a}", max_size=2), inner, max_size=2),
    max_leaves=4,
)


def is_name(text: str) -> bool:
    """Whether a task may be named so: a number, true, false and null are values."""
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


references = st.tuples(names.filter(is_name), st.lists(steps, max_size=2)).map(lambda found: [found[0], *found[1]])
chains = st.lists(references, max_size=2)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str, tuple[str, ...], object, object]:
    braces = draw(st.booleans())
    path = [draw(names), *draw(st.lists(steps, max_size=3))]
    source = "task" if braces else "input"
    default = draw(st.just(MISSING) | json_values)
    chain = draw(chains)
    rest = "".join(f"{draw(spaces)}??{draw(spaces)}{'' if braces else 'env.'}{'.'.join(one)}" for one in chain)
    if default is not MISSING:
        single = isinstance(default, str) and draw(st.booleans())
        literal = json.dumps(default)
        if single:
            literal = "'" + literal[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
        rest += f"{draw(spaces)}??{draw(spaces)}{literal}"
    inside = f"{draw(spaces)}{'' if braces else 'input.'}{'.'.join(path)}{rest}{draw(spaces)}"
    further = [("task" if braces else "env", tuple(one)) for one in chain]
    return ("{{" + inside + "}}" if braces else "${" + inside + "}"), source, tuple(path), default, further


def escaped(text: str) -> str:
    """The text such that no part of it is a template; a brace or dollar at its end cannot join what follows."""
    return text.replace("{{", r"\{{").replace("${", r"\${")


@settings(deadline=None)
@given(st.lists(st.tuples(literals, written()), max_size=4), literals)
@example([("\\", ("{{a}}", "task", ("a",), MISSING, []))], "")
def test_what_is_written_is_what_is_read(pieces: list, last: str):
    text, parts = "", []
    for literal, placeholder in pieces:
        literal = literal.rstrip("\\${") + " "
        text += escaped(literal) + placeholder[0]
        parts += [literal, placeholder]
    text += escaped(last)
    template = compile_template(text)
    if isinstance(template, str):
        assert template == text == last
        return
    read = [(p.source, p.path, p.default, [(a.source, a.path) for a in p.alternatives]) for p in template.placeholders]
    assert read == [p[1:] for _, p in pieces]
    assert [text[p.start : p.end] for p in template.placeholders] == [p[0] for _, p in pieces]
    values = [f"<{number}>" for number in range(len(pieces))]
    expected = "".join(
        f"{literal.rstrip(chr(92) + '${')} {value}" for (literal, _), value in zip(pieces, values, strict=True)
    )
    assert render(template, values) == expected + last


@settings(deadline=None)
@given(
    st.text("{}$\\.a? \"'0-\n", max_size=30)
    | st.lists(
        st.sampled_from(["{{a", "${b.c", " ?? ", "b.x", "env.X", "'t'", "null", "1e2", "}}", "}", "\\'", "-", "{{"]),
        max_size=9,
    ).map("".join)
)
def test_the_quick_way_and_the_exact_way_agree_on_every_text(text: str):
    def outcome(compile_: object) -> object:
        try:
            return compile_(text)
        except TemplateSyntaxError as error:
            return [(each.message, each.offset, each.hint) for each in (error, *error.further)], error.rest

    compiler._cache.pop(text, None)
    assert outcome(compile_template) == outcome(compiler._compile_exactly)


@settings(deadline=None)
@given(st.lists(st.text('{}$\\.a "input', max_size=10), min_size=1, max_size=4))
def test_what_a_template_yields_is_never_scanned_again(values: list[str]):
    template = compiled("|".join("{{t}}" for _ in values) + "|${input.x}")
    assert render(template, [*values, "{{t}}"]) == "|".join([*values, "{{t}}"])


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda i: st.lists(i) | st.dictionaries(st.text(), i),
    )
)
def test_a_value_that_is_no_text_is_written_as_compact_json(value: object):
    text = to_text(value)
    if isinstance(value, str):
        assert text is value
    else:
        assert json.loads(text) == value
        assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_a_hostile_text_takes_linear_time(elapsed_ratio):
    for piece in ("{{a", "{{ ", "${a.b", "{{a.a.a", "\\{{", "${", "{{a ?? ", "{{a ?? b", "{{a ?? '", '{{a."', "{{a}} "):
        assert elapsed_ratio(lambda n, piece=piece: quietly(piece * n), 2_000) < 12
    for piece in ("a", " ", ".a", "-", "?", " ?? a", "'", "\\'"):
        assert elapsed_ratio(lambda n, piece=piece: quietly("{{a" + piece * n), 20_000) < 12


def quietly(text: str) -> None:
    with contextlib.suppress(TemplateSyntaxError):
        compiler._compile(text)
