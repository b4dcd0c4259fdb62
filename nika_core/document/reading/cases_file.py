"""Test files: strict YAML, and every mistake with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.document.reading.problem_list import ProblemList
from nika_core.document.reading.source_file import decode_source, read_bytes
from nika_core.document.reading.yaml_file import parse_file
from nika_core.document.validation.json_tree import typed_tree
from nika_core.errors import Place, Problem, ProblemsError
from nika_core.model.cases import SUFFIX, Bounds, CasesFile, Expectation, Expects, Rubric, WorkflowCase, stand_in_error
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.nearest import did_you_mean
from nika_core.model.state import RunStatus, SkipReason
from nika_core.values import replace

_Path = tuple[str | int, ...]
_NOT: Final = "not-"
_EXPECTS: Final = tuple(each.value for each in Expects)
_FILE_KEYS: Final = ("workflow", "recording", "inputs", "answers", "outputs", "errors", "cases")
_CASE_KEYS: Final = ("name", "inputs", "answers", "outputs", "errors", "recording", "table", "expect")
_ABOUT: Final = ("task", "path")
_GIVEN: Final = ("inputs", "answers", "outputs", "errors")
_STATES: Final = ("success", "failed", "skipped", "cancelled")
_OUTPUTS: Final = (Expects.EQUALS, Expects.CONTAINS, Expects.SCHEMA, Expects.EXISTS, Expects.JUDGE)
_OF_TASKS: Final = (Expects.STATE, Expects.SKIPPED, Expects.ERROR)
_OF_RUNS: Final = (Expects.STATUS, Expects.ORDER)
_BOUNDS: Final = {"atLeast": "at_least", "atMost": "at_most"}
_RUBRIC: Final = ("rubric", "threshold", "model")


def read_cases(path: Path, limits: Limits | None = None, *, text: str | None = None) -> CasesFile:
    """Return the cases of a test file. Raise ProblemsError with everything that is wrong.

    Args:
        path: the file.
        text: what stands in it, if it was read before; `path` is then only named in messages.
    """
    limits = limits or Limits()
    if text is None:
        data = read_bytes(path, limits.bounds.get(LimitKind.YAML_BYTES))
        source = data if isinstance(data, Problem) else decode_source(data, str(path))
        if isinstance(source, Problem):
            raise ProblemsError([source])
        text = source
    tree, problems = parse_file(text, str(path), limits)
    found = None if not tree.whole else _Reader(path, typed_tree(tree.root), problems).file()
    if problems.items or found is None:
        raise ProblemsError(problems.sorted(str(path)))
    return found


class _Reader:
    """Reads one file's tree; what is wrong is added to the problems, and the rest is read all the same."""

    def __init__(self, path: Path, root: Any, problems: ProblemList) -> None:
        self._path = path
        self._root = root
        self._problems = problems

    def file(self) -> CasesFile | None:
        root = self._root
        if not isinstance(root, dict):
            self._wrong("a test file is a mapping with `cases:`", ())
            return None
        self._keys(root, _FILE_KEYS, ())
        named = self._text(root, "workflow", ())
        if not named and not self._path.name.endswith(SUFFIX):
            self._wrong("a test that is passed as text names its workflow", (), "`workflow: FILE.nika.yaml`")
            return None
        workflow = self._path.parent / (named or f"{self._path.name.removesuffix(SUFFIX)}.nika.yaml")
        shared = {key: self._mapping(root, key, ()) for key in _GIVEN}
        self._errors(root, ())
        recording = self._text(root, "recording", ())
        cases = root.get("cases")
        if not isinstance(cases, list) or not cases:
            hint = "`cases:` is a list of at least one case: `- {name: greets, expect: [{status: succeeded}]}`"
            self._wrong("there are no cases", ("cases",) if "cases" in root else (), hint)
            return None
        found: list[WorkflowCase] = []
        names: dict[str, int] = {}
        for number, case in enumerate(cases):
            at = ("cases", number)
            if not isinstance(case, dict):
                self._wrong("a case is a mapping with `name:` and `expect:`", at)
                continue
            found += self._case(case, at, shared, recording)
            name = case.get("name")
            if isinstance(name, str):
                if name in names:
                    line = self._place(("cases", names[name], "name")).line
                    self._wrong(f"the case '{name}' is there twice, also in line {line}", (*at, "name"), "rename one")
                names.setdefault(name, number)
        return CasesFile(self._path, workflow, tuple(found))

    def _case(
        self, case: dict[str, Any], at: _Path, shared: dict[str, Any], recording: str | None
    ) -> Iterable[WorkflowCase]:
        self._keys(case, _CASE_KEYS, at)
        name = self._text(case, "name", at)
        if name is None and "name" not in case:
            self._wrong("a case has a `name:`", at)
        given = {key: {**shared[key], **self._mapping(case, key, at)} for key in _GIVEN}
        folder = self._text(case, "recording", at) or recording
        where = None if folder is None else self._path.parent / folder
        expect = case.get("expect")
        if not isinstance(expect, list) or not expect:
            self._wrong("a case expects something", (*at, "expect") if "expect" in case else at, _EXPECT)
            expect = []
        expected = [each for number, one in enumerate(expect) for each in self._expected(one, (*at, "expect", number))]
        self._errors(case, at)
        judged = next((each for each in expected if each.about is Expects.JUDGE), None)
        if judged is not None and where is None:
            message = "`judge` asks a model, and this case has no recording to keep its answer in"
            self._add(message, judged.place, "add `recording: DIR` to the case or to the file")
        made = WorkflowCase(name or "?", recording=where, expect=tuple(expected), place=self._place(at), **given)
        rows = case.get("table")
        if rows is None and "table" not in case:
            return [made]
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            self._wrong("`table:` is a list of inputs, a mapping for each run", (*at, "table"))
            return []
        return [
            replace(
                made,
                name=f"{made.name}[{number}]",
                inputs={**made.inputs, **row},
                place=self._place((*at, "table", number)),
            )
            for number, row in enumerate(rows)
        ]

    def _errors(self, found: dict[str, Any], at: _Path) -> None:
        for task, error in self._mapping(found, "errors", at, look=True).items():
            try:
                stand_in_error(error)
            except ValueError as problem:
                self._wrong(f"`{task}`: {problem}", (*at, "errors", task))

    def _expected(self, found: Any, at: _Path) -> Iterable[Expectation]:
        """Yield what one entry of `expect` says: one expectation for each of its keys but `task` and `path`."""
        if not isinstance(found, dict) or not found:
            self._wrong("an expectation is a mapping", at, _EXPECT)
            return
        task, path = self._text(found, "task", at), self._text(found, "path", at) or ""
        about = [key for key in found if key not in _ABOUT]
        if not about:
            if not path:
                self._wrong("this expects nothing", at, _EXPECT)
                return
            yield Expectation(Expects.EXISTS, True, task=task, path=path, place=self._place(at))
        for key in about:
            name = key.removeprefix(_NOT)
            if name not in _EXPECTS:
                self._wrong(
                    f"unknown expectation `{key}`", (*at, key), did_you_mean(name, _EXPECTS) or _KNOWN, key=True
                )
                continue
            kind = Expects(name)
            if task is None and kind in _OF_TASKS:
                self._wrong(f"`{key}` is about a task", (*at, key), "add `task: ID` beside it", key=True)
            if task is not None and kind in _OF_RUNS:
                self._wrong(f"`{key}` is about the whole run", (*at, key), "leave out `task:`", key=True)
            if path and kind not in _OUTPUTS:
                self._wrong(f"`path` means nothing beside `{key}`", (*at, "path"), "it leads into an output", key=True)
            value = self._value(kind, found[key], (*at, key))
            if value is not _WRONG:
                place = self._place((*at, key), key=True)
                yield Expectation(kind, value, key.startswith(_NOT), task, path, place)

    def _value(self, about: Expects, value: Any, at: _Path) -> Any:
        match about:
            case Expects.STATUS:
                return self._one_of(value, [status.value for status in RunStatus], at)
            case Expects.STATE:
                return self._one_of(value, _STATES, at)
            case Expects.SKIPPED:
                return value if value is True else self._one_of(value, [reason.value for reason in SkipReason], at)
            case Expects.ORDER | Expects.TOOLS:
                if isinstance(value, list) and all(isinstance(each, str) for each in value):
                    return value
                return self._wrong(f"`{about}` is a list of names", at)
            case Expects.SCHEMA:
                return value if isinstance(value, dict) else self._wrong("`schema` is a JSON Schema, a mapping", at)
            case Expects.CONTAINS | Expects.ERROR:
                return value if isinstance(value, str) else self._wrong(f"`{about}` is a text", at)
            case Expects.EXISTS:
                return value if value is True else self._wrong("`exists` is `true`; use `not-exists: true`", at)
            case Expects.COST | Expects.TOKENS | Expects.CALLS:
                return self._bounds(value, at)
            case Expects.JUDGE:
                return self._rubric(value, at)
        return value

    def _bounds(self, value: Any, at: _Path) -> Any:
        if _is_number(value):
            return Bounds(value, value)
        hint = "a number, or {atMost: 3}, {atLeast: 1}, or both"
        if not isinstance(value, dict) or not value:
            return self._wrong("this is not a number", at, hint)
        for key, bound in value.items():
            if key not in _BOUNDS:
                return self._wrong(f"unknown key `{key}`", (*at, key), did_you_mean(key, _BOUNDS) or hint, key=True)
            if not _is_number(bound):
                return self._wrong(f"`{key}` is a number from 0 on", (*at, key))
        return Bounds(**{_BOUNDS[key]: bound for key, bound in value.items()})

    def _rubric(self, value: Any, at: _Path) -> Any:
        if isinstance(value, str) and value:
            return Rubric(value)
        if not isinstance(value, dict):
            return self._wrong("`judge` is a rubric: a text, or {rubric: TEXT, threshold: 0.7, model: MODEL}", at)
        self._keys(value, _RUBRIC, at)
        rubric, model, threshold = self._text(value, "rubric", at), self._text(value, "model", at), 0.7
        if "threshold" in value:
            threshold = value["threshold"]
            if not _is_number(threshold) or threshold > 1:
                return self._wrong("`threshold` is a number from 0 to 1", (*at, "threshold"))
        if not rubric:
            return self._wrong("a judge needs a `rubric:`: what a good output is like", at)
        return Rubric(rubric, threshold, model)

    def _one_of(self, value: Any, known: Iterable[str], at: _Path) -> Any:
        if value in (names := list(known)):
            return value
        return self._wrong(f"'{value}' is none of {', '.join(names)}", at, did_you_mean(str(value), names))

    def _keys(self, found: dict[str, Any], known: tuple[str, ...], at: _Path) -> None:
        for key in found:
            if key not in known:
                hint = did_you_mean(key, known) or f"known: {', '.join(known)}"
                self._wrong(f"unknown key `{key}`", (*at, key), hint, key=True)

    def _text(self, found: dict[str, Any], key: str, at: _Path) -> str | None:
        value = found.get(key)
        if key in found and (not isinstance(value, str) or not value):
            self._wrong(f"`{key}` is a text", (*at, key))
            return None
        return value

    def _mapping(self, found: dict[str, Any], key: str, at: _Path, *, look: bool = False) -> dict[str, Any]:
        value = found.get(key, {})
        if isinstance(value, dict):
            return value
        if look:
            return {}
        self._wrong(f"`{key}` is a mapping", (*at, key))
        return {}

    def _place(self, at: _Path, *, key: bool = False) -> Place:
        return self._problems.locator.place_of(at, at_key=key)

    def _wrong(self, message: str, at: _Path, hint: str | None = None, *, key: bool = False) -> Any:
        self._problems.add(codes.BAD_TEST, message, at, hint=hint, at_key=key)
        return _WRONG

    def _add(self, message: str, place: Place, hint: str) -> None:
        self._problems.add_problem(Problem(codes.BAD_TEST, message, place, hint))


_WRONG: Final = object()
_KNOWN: Final = f"known are {', '.join(f'`{name}`' for name in _EXPECTS)}, each also with `{_NOT}` in front"
_EXPECT: Final = "`expect:` is a list, e.g. `- {status: succeeded}` or `- {task: review, contains: bug}`"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def check_nodes(cases: CasesFile, tasks: Iterable[str], node_of: Callable[[str], str]) -> None:
    """Raise ProblemsError if a case says something of a task that the workflow does not have.

    Args:
        tasks: the workflow's.
        node_of: returns the id of the task at the top of a node's. Raises ValueError for what is not a node's id.
    """
    known = tuple(tasks)
    problems: dict[Problem, None] = {}

    def check(node: str, name: str, place: Place) -> None:
        try:
            task = node_of(node)
        except ValueError:
            task = ""
        if task not in known:
            hint = did_you_mean(task or name, known) or f"its tasks: {', '.join(known[:10])}"
            problems[Problem(codes.BAD_TEST, f"{cases.workflow.name} has no task `{name}`", place, hint)] = None

    for case in cases.cases:
        for given in (case.answers, case.outputs, case.errors):
            for name in given:
                check(name.replace("[*]", "[1]").replace("@*", "@1").replace(".*", ".1"), name, case.place)
        for each in case.expect:
            for name in [*([each.task] if each.task else []), *(each.value if each.about is Expects.ORDER else ())]:
                check(name, name, each.place)
    if problems:
        raise ProblemsError(problems)
