"""A keyword's sample: the payload that a conformance kit tries, and what the workflow around it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nika_core.errors import NikaError
from nika_core.model.json import Json, JsonObject
from nika_core.model.workflow import KeywordCategory
from nika_core.registry import Registry
from nika_core.testing.scripted import ScriptedModel
from nika_core.testing.workbench import Workbench, base_environ
from nika_core.values import dataclass, field, replace

TASK: Final = "sample"
_MOST_CALLS: Final = 50  # replies that a scripted model has for one run


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One task. All of it is JSON, so that it can be tried in another process.

    Attributes:
        word: the keyword.
        payload: its payload.
        task: other keys of the task, e.g. `output`.
        root: other keys of the document, e.g. `agent`, or a section that the keyword brings.
        project: the project file, e.g. the keyword's own settings.
        files: files of the workflow's folder, by relative path.
        environ: variables of the run's environment, beside PATH and HOME.
        inputs: of the run.
        reply: what every call to a model is answered with; None: never, the model hangs.
        signal: what the task is given whenever it waits.
        answer: the answer to every question that the task asks; None: nobody answers.
    """

    word: str
    payload: JsonObject
    task: JsonObject = field(default_factory=dict)
    root: JsonObject = field(default_factory=dict)
    project: JsonObject = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    inputs: JsonObject = field(default_factory=dict)
    reply: str | None = "conformance"
    signal: Json = None
    answer: Json = None

    def as_json(self) -> dict[str, Any]:
        """Return the arguments that make the same case again."""
        return asdict(self)

    def text(self, payload: JsonObject | None = None) -> str:
        """Return the workflow, with every field of the payload on a line of its own if the keyword has fields."""
        lines = [f"{key}: {_flow(value)}" for key, value in self._root().items()]
        lines += ["tasks:", f"  - id: {TASK}"]
        lines += [f"    {key}: {_flow(value)}" for key, value in self.task.items()]
        fields = self.payload if payload is None else payload
        if self.short_form_only:
            lines += [f"    {self.word}: {_flow(value)}" for value in fields.values()]
        else:
            lines.append(f"    {self.word}:" if fields else f"    {self.word}: {{}}")
            lines += [f"      {key}: {_flow(value)}" for key, value in fields.items()]
        return "\n".join(lines) + "\n"

    @property
    def short_form_only(self) -> bool:
        """Return whether the keyword has only the short form; the payload is then its one field."""
        try:
            return Registry().keyword(self.word).short_form_only
        except NikaError:  # the checks that try the workflow say what is wrong with it
            return False

    @property
    def is_group(self) -> bool:
        """Return whether the keyword stands for a workflow: a task with it has neither `retry` nor `output`."""
        try:
            return Registry().keyword(self.word).category is KeywordCategory.GROUP
        except NikaError:  # the checks that try the workflow say what is wrong with it
            return False

    def _root(self) -> dict[str, Json]:
        root = dict(self.root)
        root["agent"] = {"model": "scripted", **dict(root.get("agent") or {})}
        return root

    def model(self) -> ScriptedModel:
        """Return the model that the keyword calls."""
        scripted = ScriptedModel()
        for _ in range(_MOST_CALLS):
            if self.reply is None:
                scripted.enqueue_silence()
            else:
                scripted.enqueue(self.reply)
        return scripted

    def bench(self, folder: Path, **changes: Any) -> Workbench:
        """Write the case's files into the folder and return a workbench there; `changes` are its attributes."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if self.project:
            (folder / "nika.yaml").write_text(
                "".join(f"{key}: {_flow(value)}\n" for key, value in self.project.items()), encoding="utf-8"
            )
        own: dict[str, Any] = {"model": self.model(), "signals": {TASK: self.signal}}
        if self.answer is not None:
            own["answers"] = {TASK: self.answer}
        bench = Workbench(folder=folder, inputs=self.inputs, **{**own, **changes})
        return replace(bench, environ={**base_environ(), **self.environ})


def _flow(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
