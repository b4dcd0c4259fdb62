"""A compiled template: literal text and placeholders. Compiled by `nika_core.template`, a value everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, NamedTuple

from nika_core.model.json import Json
from nika_core.values import dataclass


class _Missing(Enum):
    MISSING = "MISSING"


MISSING: Final = _Missing.MISSING


class PipeCall(NamedTuple):
    """`join(", ")` in `{{list | join(", ")}}`: the name of a pipe, and its literal arguments."""

    name: str
    arguments: tuple[Json, ...]


class Placeholder(NamedTuple):  # not a dataclass: made by the thousand, in a fifth of the time
    """`{{fetch.items.0}}` is source `task`, path `("fetch", "items", "0")`; `${env.HOME}` is `env`, `("HOME",)`.

    `{{a ?? b.text ?? ""}}` is that of `a`, with one alternative and a default.

    Attributes:
        source: the name of the template source.
        path: what is asked of it.
        default: the JSON literal at the end of a chain of `??`, or MISSING.
        start, end: character offsets in the text of the template.
        text: the placeholder as its author wrote it, braces included.
        alternatives: the further references of its chain, each as a placeholder of its own.
        chained: whether it is one of these.
        pipes: what is made of the value of the whole chain, from left to right.
    """

    source: str
    path: tuple[str, ...]
    default: Json | _Missing
    start: int
    end: int
    text: str
    alternatives: tuple[Placeholder, ...] = ()
    chained: bool = False
    pipes: tuple[PipeCall, ...] = ()

    @property
    def has_default(self) -> bool:
        """Whether there is a literal after `??`."""
        return self.default is not MISSING

    @property
    def is_optional(self) -> bool:
        """Whether it stands in a chain of `??`: then it is not an error by itself that it has no value."""
        return self.default is not MISSING or bool(self.alternatives) or self.chained

    @property
    def members(self) -> tuple[Placeholder, ...]:
        """All references of its chain, the first one included."""
        return (self, *self.alternatives)


@dataclass(frozen=True, slots=True, init=False)
class Template:
    """Literal text (escapes already undone) and placeholders.

    Attributes:
        text: the whole text as its author wrote it.
        plan: the text in a form that is put together at once: literal, placeholder, literal, ..., literal. A literal
            may be empty.
    """

    text: str
    plan: tuple[str | Placeholder, ...]

    def __init__(self, text: str, parts: Iterable[str | Placeholder]) -> None:
        plan: list[str | Placeholder] = [""]
        for part in parts:
            if isinstance(part, Placeholder):
                plan += (part, "")
            else:
                plan[-1] = f"{plan[-1]}{part}"
        _set_text(self, text)
        _set_plan(self, tuple(plan))

    @classmethod
    def planned(cls, text: str, plan: tuple[str | Placeholder, ...]) -> Template:
        """Return a template made of a plan; what the compiler uses."""
        new = _new(cls)
        _set_text(new, text)
        _set_plan(new, plan)
        return new

    @property
    def parts(self) -> tuple[str | Placeholder, ...]:
        """Literals that are not empty, and placeholders, in order."""
        return tuple(filter(None, self.plan))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The placeholders, in order."""
        return self.plan[1::2]  # type: ignore[return-value]  # every second one is a placeholder: see `plan`

    @property
    def single(self) -> Placeholder | None:
        """The placeholder, if the whole text is nothing but one."""
        plan = self.plan
        if len(plan) == 3 and plan[0] == "" == plan[2]:
            return plan[1]  # type: ignore[return-value]  # every second one is a placeholder: see `plan`
        return None


class TypedTemplate(Template):
    """A template in a field with a type of its own: the text with its values in it is converted to that type.

    `convert` raises TemplateValueError for a value that does not fit. `before_run`: the value may not depend on what a
    task yields.
    """

    __slots__ = ("before_run", "convert")
    convert: Callable[[Json], Json]
    before_run: bool

    @classmethod
    def typed(cls, template: Template, convert: Callable[[Json], Json], before_run: bool = False) -> TypedTemplate:
        """Return this template with a type."""
        new = cls.__new__(cls)
        _set_text(new, template.text)
        _set_plan(new, template.plan)
        object.__setattr__(new, "convert", convert)
        object.__setattr__(new, "before_run", before_run)
        return new


# A frozen dataclass is set through its slots' own descriptors, in half the time of object.__setattr__.
_new = object.__new__
_set_text = vars(Template)["text"].__set__
_set_plan = vars(Template)["plan"].__set__
