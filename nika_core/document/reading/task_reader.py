"""The `tasks:` list."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.document.checks.check_context import reads
from nika_core.document.plugin_catalog import PluginCatalog, called_otherwise
from nika_core.document.reading import workflow_schema
from nika_core.document.reading.condition_reader import ConditionReader
from nika_core.document.reading.deferred_fields import defer
from nika_core.document.reading.group_reader import read_error_rule, read_for_each, read_repeat
from nika_core.document.reading.output_schema import AS_FILE, read_schema, schema_issue
from nika_core.document.reading.payload_reader import PayloadReader
from nika_core.document.reading.problem_list import ProblemList
from nika_core.document.reading.text_files import Texts
from nika_core.document.reading.tool_lists import read_entries
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue, add, add_syntax_hint, holds_refused, is_refused, under
from nika_core.document.validation.json_tree import typed_tree
from nika_core.document.validation.unknown_keys import EXPLANATIONS, nearest_key, suggest_key
from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.path_locator import PathLocator, TaskLocator
from nika_core.document.yaml.source_map import Cursor, RefusedKey
from nika_core.document.yaml.syntax_issues import MAX_ISSUES
from nika_core.errors import PluginError
from nika_core.model.bounded import shorten, why_not_an_id
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.nearest import nearest
from nika_core.model.template import Template
from nika_core.model.workflow import Binding, Condition, Mode, NodePath, OnError, OutputSpec, Retry, Task
from nika_core.plugin import Keyword

_TASKS_BETWEEN_CHECKS: Final = 64
_NO_RETRY: Final = Retry()
_TOOL_LISTS: Final = ("allowedTools", "disallowedTools", "askTools")
_TEXT: Final = OutputSpec()
_CHECKS: Final = {key: compile_schema(validator).check for key, validator in workflow_schema.TASK.items()}


# Setting a frozen dataclass through the descriptors of its slots takes two thirds of the time.
_SLOTS: Final = tuple(getattr(Task, name).__set__ for name in Task.__match_args__)
_new: Final = object.__new__


def _task(*values: Any) -> Task:
    """Return `Task(*values)`; all fields, in order."""
    task = _new(Task)
    for set_, value in zip(_SLOTS, values, strict=True):
        set_(task, value)
    return task


def _meant(key: str, reader: PayloadReader | None) -> str | None:
    """Return a hint: the key of a task, or the field of its payload, that an unknown key is near to."""
    fields = frozenset() if reader is None else reader.fields
    meant = nearest_key(key, [*_CHECKS, *sorted(fields)])
    if meant is None or meant in _CHECKS or reader is None:
        return None if meant is None else f"did you mean `{meant}`?"
    return f"did you mean `{meant}`? It belongs under `{reader.keyword.name}:`, {_within(reader.keyword, meant)}"


def _within(keyword: Keyword, key: str) -> str:
    """Return a hint: how a field stands in a keyword's payload."""
    before = "" if key == keyword.primary else f"{keyword.primary}: ..., "
    return f"write `{keyword.name}: {{{before}{key}: ...}}`"


class TaskReader:
    """Reads tasks. One whose id or payload is broken stays in the list without a keyword: others may refer to it, and
    it to them. After any other problem, the keyword still checks its payload.
    """

    def __init__(
        self,
        folder: Path,
        locator: PathLocator,
        catalog: PluginCatalog,
        limits: Limits,
        conditions: ConditionReader,
        deadline: ValidationDeadline,
        problems: ProblemList,
    ) -> None:
        self.folder = folder
        self.max_bytes = limits.bounds.get(LimitKind.YAML_BYTES)
        self.has_refused_parts = bool(problems.items)  # part of the text was: a task that holds such a part is broken
        self.locator = locator
        self.catalog = catalog
        self.conditions = conditions
        self.deadline = deadline
        self.problems = problems
        self.words = frozenset(catalog.keywords())
        self.id_length = limits.counts.get(LimitKind.ID_LENGTH)
        self.payload_readers: dict[str, PayloadReader | None] = {}
        self.index_of_id: dict[str, int] = {}
        self.deferred: dict[NodePath, Template] = {}

    def read(self) -> tuple[Task, ...]:
        """Return the tasks of the document's list."""
        cursor = Cursor(self.locator.source_map)
        offsets = self.locator.offsets
        tasks: list[Task] = []
        for index, (node, entry) in enumerate(self.locator.items("tasks")):
            if not index % _TASKS_BETWEEN_CHECKS:
                self.deadline.check()
            issues: list[ValidationIssue] = []
            if type(node) is dict:
                tasks.append(self._task(node, index, entry, cursor.place(offsets[entry]), issues))
            else:
                add(issues, node, "a task: a mapping with `id` and a keyword", "write `- id: ...`")
            if issues:
                self.problems.add_task_issues(issues, codes.BAD_VALUE, node, entry)
        return tuple(tasks)

    def _task(self, node: dict[Any, Any], index: int, entry: int, place: Any, issues: list[ValidationIssue]) -> Task:
        fields: dict[str, Any] = {}
        keywords: list[str] = []
        unknown_keys: list[str] = []
        words = self.words
        for key, value in node.items():
            if key == "id":
                continue
            check = _CHECKS.get(key)
            if check is not None:
                since = len(issues)
                short = key == "output" and value == "lines"
                fields[key] = check({"format": value} if short else value, issues)
                if len(issues) > since:
                    add_syntax_hint(issues, since, key)
                    under(issues, since, key)
            elif key in words:
                keywords.append(key)
            elif type(key) is not RefusedKey:
                unknown_keys.append(key)
        task_id = node.get("id")
        if type(task_id) is not str or task_id in self.index_of_id or why_not_an_id(task_id, self.id_length):
            task_id = self._id(node, index, issues)
        else:
            self.index_of_id[task_id] = index
        keyword = self.payload_readers.get(keywords[0]) if len(keywords) == 1 and not unknown_keys else None
        if keyword is None:
            keyword = self._keyword(node, keywords, unknown_keys, issues)
        defer(fields, issues, self.deferred, ("tasks", index))
        for key in ("retry", "repeat"):
            if fields.get(key):
                since = len(issues)
                defer(fields[key], issues, self.deferred, ("tasks", index, key))
                under(issues, since, key)
        payload: Any = {}
        texts: Texts = {}
        broken = False
        if keyword is not None:
            since = len(issues)
            payload = keyword.read(node[keyword.keyword.name], issues, self.folder, texts)
            if len(issues) > since:
                broken = True
                for issue in issues[since:]:
                    issue.code = issue.code or codes.BAD_PAYLOAD
                    if issue.at_key and issue.path[0] in _CHECKS and issue.path[0] not in keyword.fields:
                        issue.hint = f"`{issue.path[0]}` stands on the task, beside `{keyword.keyword.name}`"
                under(issues, since, keyword.keyword.name)
        if keyword is not None and keyword.keyword.refused_keys:
            for key, fix in keyword.keyword.refused_keys.items():
                if key in node and key in _CHECKS:
                    message = f"`{keyword.keyword.name}` has no `{key}`"
                    issues.append(ValidationIssue(message, fix, [key], True))
        output = self._output(node, fields["output"], issues) if fields.get("output") else _TEXT
        when = self.conditions.read(fields["when"], "when", issues) if fields.get("when") else None
        if keyword is None:
            return Task(task_id, "", {}, index, place=place)
        if broken or task_id[0] == "#" or (self.has_refused_parts and holds_refused(node)):
            at = self._locator_of(node, entry, keyword.keyword, texts)
            return Task(task_id, "", payload, index, when=when, always=bool(fields.get("always")), place=place, at=at)
        for_each = repeat = None
        if "forEach" in node:
            since = len(issues)
            for_each = read_for_each(node["forEach"], issues, self.deferred, ("tasks", index, "forEach"))
            under(issues, since, "forEach")
        if {"until", "max"} <= (fields.get("repeat") or {}).keys():
            repeat = read_repeat(fields["repeat"], issues)
        on_error, stand_in = OnError.FAIL, None
        if "onError" in node:
            on_error, stand_in = read_error_rule(node["onError"], OnError, "onError", issues)
        per_item = for_each is not None and when is not None and self._reads_items(when)
        retry = fields.get("retry")
        allowed, disallowed, asked = (
            read_entries(fields.get(key), key, issues) if key in fields else () for key in _TOOL_LISTS
        )
        word = keyword.keyword.name
        return _task(
            task_id,
            word,
            payload,
            index,
            fields.get("timeout"),
            fields.get("idleTimeout"),
            Retry(retry.get("max"), retry.get("backoff")) if retry else _NO_RETRY,
            on_error,
            when,
            for_each,
            repeat,
            output,
            allowed if fields.get("allowedTools") is not None else None,
            disallowed,
            asked,
            Mode(fields["mode"]) if fields.get("mode") else None,
            None,
            stand_in,
            bool(fields.get("always")),
            per_item,
            _cache(fields.get("cache")),
            place,
            self._locator_of(node, entry, keyword.keyword, texts),
            None,
        )

    def _reads_items(self, condition: Condition) -> bool:
        members = (member for placeholder in condition.placeholders for member in placeholder.members)
        return any(reads(self.catalog, member, Binding.ITEM) for member in members)

    def _locator_of(self, node: dict[Any, Any], entry: int, keyword: Keyword, texts: Texts) -> TaskLocator:
        return TaskLocator(
            self.locator,
            node,
            entry,
            keyword.name,
            keyword.primary,
            short_form_only=keyword.short_form_only,
            texts=texts,
        )

    def _id(self, node: dict[Any, Any], index: int, issues: list[ValidationIssue]) -> str:
        task_id = node.get("id")
        if not isinstance(task_id, str):
            if "id" in node:
                since = len(issues)
                add(issues, task_id, "an id")
                under(issues, since, "id")
            elif not any(type(key) is RefusedKey for key in node):
                misspelt = nearest("id", [key for key in node if len(str(key)) == 2])
                if misspelt is None:
                    issues.append(ValidationIssue("a task needs an `id`", "add `id: ...`", code=codes.BAD_TASK_ID))
            return f"#{index}"
        why = why_not_an_id(task_id, self.id_length)
        if why is not None:
            if not is_refused(task_id):
                long = self.id_length is not None and len(task_id) > self.id_length
                hint = "shorten it" if long else "use letters, digits, `-` and `_`, e.g. `fetch-items`"
                issues.append(ValidationIssue(why, hint, ["id"], code=codes.BAD_TASK_ID))
            usable = 0 < len(task_id) <= 100 and self.index_of_id.setdefault(str(task_id), index) == index
            return str(task_id) if usable else f"#{index}"
        task_id = str(task_id)
        first = self.index_of_id.setdefault(task_id, index)
        if first != index:
            line = self.locator.place_of(("tasks", first, "id")).line if not self.problems.full else None
            issues.append(
                ValidationIssue(
                    f"the id `{task_id}` is already used by an earlier task" + (f" (line {line})" if line else ""),
                    "give each task an id of its own",
                    ["id"],
                    code=codes.DUPLICATE_TASK_ID,
                )
            )
            return f"#{index}"
        return task_id

    def _keyword(
        self, node: dict[Any, Any], keywords: list[str], unknown_keys: list[str], issues: list[ValidationIssue]
    ) -> PayloadReader | None:
        """Return the reader of a task's keyword, and explain unknown keys: one of them may be meant as the keyword."""
        if len(keywords) == 1 and not unknown_keys:
            return self._reader(keywords[0], issues)
        if len(keywords) > 1:
            names = " and ".join(f"`{name}`" for name in keywords)
            message = f"a task has one keyword, this one has {names}"
            split = "split it into tasks of one keyword each"
            issues.append(ValidationIssue(message, split, [keywords[1]], True, code=codes.SEVERAL_KEYWORDS))
        reader = self._reader(keywords[0], issues) if len(keywords) == 1 else None
        meant_as_keyword = None
        for key in unknown_keys[:MAX_ISSUES]:
            hint = EXPLANATIONS.get(key) or _meant(key, reader)
            if keywords:
                hint = hint or called_otherwise(self.catalog, key)
            if not keywords and meant_as_keyword is None and hint is None:
                meant_as_keyword = key
                continue
            message = f"unknown key `{shorten(key, 60)}`"
            if reader is not None and key in reader.fields:
                message = f"`{key}` belongs under `{keywords[0]}:`"
                hint = _within(reader.keyword, key)
            hint = hint or f"known here: {', '.join(_CHECKS)}, and one keyword"
            issues.append(ValidationIssue(message, hint, [key], True, code=codes.UNKNOWN_KEY))
        if meant_as_keyword is not None:
            issues.append(self._unknown_keyword(meant_as_keyword))
        elif not keywords and not any(type(key) is RefusedKey for key in node):
            words = ", ".join(sorted(self.words)) or "none is installed"
            issues.append(ValidationIssue("a task needs a keyword", f"one of: {words}", code=codes.NO_KEYWORD))
        return reader

    def _unknown_keyword(self, word: str) -> ValidationIssue:
        hint = self.catalog.install_hint(word) or called_otherwise(self.catalog, word)
        hint = hint or suggest_key(word, self.words)
        hint = hint or f"installed keywords: {', '.join(sorted(self.words)) or 'none'}"
        return ValidationIssue(
            f"no plugin offers the keyword `{shorten(word, 60)}`", hint, [word], True, code=codes.UNKNOWN_KEYWORD
        )

    def _reader(self, word: str, issues: list[ValidationIssue]) -> PayloadReader | None:
        if word not in self.payload_readers:
            try:
                self.payload_readers[word] = PayloadReader(self.catalog.keyword(word))
            except PluginError as error:
                issues.append(ValidationIssue(error.message, error.hint, [word], True, code=error.code))
                return None
        return self.payload_readers[word]

    def _output(self, node: dict[Any, Any], fields: dict[str, Any], issues: list[ValidationIssue]) -> OutputSpec:
        format_ = fields.get("format") or "text"
        schema, written = None, None
        if "schema" in fields:
            written = node["output"]["schema"]
            schema = typed_tree(written)
            if format_ != "json":
                issues.append(
                    ValidationIssue("a `schema` needs `format: json`", "add `format: json`", ["schema", "output"], True)
                )
            elif isinstance(written, str):
                schema = read_schema(self.folder, written, self.max_bytes)
                if isinstance(schema, ValidationIssue):
                    issues.append(schema)
                    schema = None
            elif not isinstance(schema, dict):
                issues.append(
                    ValidationIssue("a schema is a mapping, or a file of JSON", AS_FILE, ["schema", "output"])
                )
                schema = None
            else:
                self.deadline.check()
                issue = schema_issue(schema)
                issues.extend([issue] if issue else [])
        return OutputSpec(format_, schema, written if isinstance(written, str) else "")


def _cache(value: bool | dict[str, Any] | None) -> float | None:
    """Return how old a cached result may be, in seconds; None: none is taken."""
    if value is None or value is False:
        return None
    return math.inf if value is True else value.get("for", math.inf)
