"""`nika_core.values.dataclass` makes the classes that Python's own makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing as types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

import nika_core
from nika_core.values import dataclass, field, replace


class Base:
    """What a value may extend."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "not this"


@dataclass(frozen=True, slots=True)
class Ours(Base):
    """A value."""

    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list)
    note: str = field(default="none", compare=False, repr=False)
    kind: ClassVar = "class"
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.name}-{self.size}")


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs(Base):
    """A value."""

    name: str
    size: int = 3
    tags: list[str] = dataclasses.field(default_factory=list)
    note: str = dataclasses.field(default="none", compare=False, repr=False)
    kind: ClassVar = "class"
    key: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.name}-{self.size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A value whose fields are given by name."""

    first: int = 1
    second: str


@dataclass(frozen=True, slots=True)
class Special:
    """A value with methods of its own."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Special) and self.name.lower() == other.name.lower()


@dataclass(frozen=True, slots=True)
class Empty:
    """A value without fields."""


@dataclass(frozen=True, slots=True)
class Longer(Named):
    """Extends a value."""

    third: int


@dataclasses.dataclass(frozen=True, slots=True)
class Foreign(Named):
    """Python's own dataclass, which extends a value."""

    third: int


@dataclass(frozen=True, slots=True)
class Odd:
    """A value with an annotation that only Python's own dataclass understands."""

    kind: types.ClassVar[str] = "class"
    name: str = "a"


def test_a_variable_of_a_class_is_no_field_whatever_its_module_is_called() -> None:
    assert [one.name for one in dataclasses.fields(Odd)] == ["name"]
    assert (Odd.kind, repr(Odd("b"))) == ("class", "Odd(name='b')")


BOTH = pytest.mark.parametrize("cls", [Ours, Theirs])


@BOTH
def test_fields_have_defaults_and_each_value_has_its_own_list(cls: Any) -> None:
    one, other = cls("a"), cls("a", 4, ["x"], note="n")
    assert (one.name, one.size, one.tags, one.note, one.key) == ("a", 3, [], "none", "a-3")
    assert (other.size, other.tags, other.note, other.key) == (4, ["x"], "n", "a-4")
    assert one.tags is not cls("a").tags
    assert cls.kind == "class"


@BOTH
def test_values_are_equal_by_what_is_compared(cls: Any) -> None:
    assert cls("a") == cls("a", note="other")
    assert cls("a") != cls("b")
    assert cls("a").__eq__(Named(second="a")) is NotImplemented


@BOTH
def test_the_text_form_names_what_is_shown(cls: Any) -> None:
    assert repr(cls("a")) == f"{cls.__name__}(name='a', size=3, tags=[], key='a-3')"


@BOTH
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)), replace])
def test_a_copy_is_equal(cls: Any, copied: Callable[[Any], Any]) -> None:
    one = cls("a", 4, ["x"], "n")
    again = copied(one)
    assert again is not one
    assert again == one
    assert again.note == "n"


@BOTH
def test_no_field_can_be_set_or_deleted(cls: Any) -> None:
    one = cls("a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="name"):
        one.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError, match="name"):
        del one.name
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        one.other = "b"
    assert not hasattr(one, "__dict__")


def test_the_signature_and_the_fields_are_those_of_the_other() -> None:
    told = [inspect.signature(cls, eval_str=False).parameters for cls in (Ours, Theirs)]
    assert [(one.name, one.annotation, one.kind) for one in told[0].values()] == [
        (one.name, one.annotation, one.kind) for one in told[1].values()
    ]
    assert [one.name for one in dataclasses.fields(Ours)] == [one.name for one in dataclasses.fields(Theirs)]
    assert Ours.__match_args__ == Theirs.__match_args__
    assert dataclasses.asdict(Ours("a")) == dataclasses.asdict(Theirs("a"))


def test_equal_values_have_equal_hashes() -> None:
    assert hash(Named(second="a")) == hash(Named(first=1, second="a"))
    assert len({Named(second="a"), Named(second="a"), Named(second="b")}) == 2
    assert hash(Empty()) == hash(Empty())
    assert Empty() == Empty()
    with pytest.raises(TypeError, match="unhashable"):
        hash(Ours("a"))


def test_a_method_of_the_class_stays() -> None:
    assert Special("A") == Special("a")
    assert repr(Special("A")) == "<A>"
    assert isinstance(hash(Special("A")), int)


def test_a_field_given_by_name_has_no_position() -> None:
    with pytest.raises(TypeError):
        Named(1, "a")  # type: ignore[misc]  # this is what is tested
    with pytest.raises(TypeError, match="second"):
        Named()  # type: ignore[call-arg]  # this is what is tested


@pytest.mark.parametrize("cls", [Longer, Foreign])
def test_a_value_may_be_extended(cls: Any) -> None:
    one = cls(5, second="a")
    assert (one.first, one.second, one.third) == (1, "a", 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.first = 2


def test_the_kernel_makes_its_values_with_it() -> None:
    folder = Path(nika_core.__file__).parent
    others = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if "from dataclasses import dataclass" in (text := path.read_text())
        and "@dataclass(frozen=True, slots=" in text
    ]
    assert not others


@dataclasses.dataclass
class Changing:
    """A class of Python's own, whose fields have the names of what `replace` uses itself."""

    value: int
    cls: str = "a"
    kept: list[str] = dataclasses.field(default_factory=list)


@pytest.mark.parametrize(
    ("one", "changes"),
    [
        (Ours("a", 2, ["x"], note="n"), {}),
        (Ours("a", 2, ["x"], note="n"), {"name": "b", "note": ""}),
        (Named(first=2, second="x"), {"second": "y"}),
        (Empty(), {}),
        (Changing(1, "b", ["c"]), {"value": 2, "kept": []}),
    ],
)
def test_a_copy_with_other_values_is_the_one_that_python_makes(one: Any, changes: dict[str, Any]) -> None:
    assert replace(one, **changes) == dataclasses.replace(one, **changes)
    assert repr(replace(one, **changes)) == repr(dataclasses.replace(one, **changes))


def test_a_copy_has_no_fields_that_its_class_has_not_or_that_are_worked_out() -> None:
    for wrong in ("other", "key"):
        with pytest.raises(TypeError, match=wrong):
            replace(Ours("a"), **{wrong: 1})


@dataclass(slots=True)
class Counter:
    """A class whose fields may change."""

    name: str
    count: int = 0
    seen: list[str] = field(default_factory=list)


def test_a_class_that_may_change_is_what_python_makes_of_it() -> None:
    theirs = dataclasses.make_dataclass("Counter", [("name", str), ("count", int, 0)], slots=True)
    one = Counter("a")
    one.count += 1
    assert (one, repr(one)) == (Counter("a", 1), "Counter(name='a', count=1, seen=[])")
    assert one != Counter("a")
    assert one.__eq__(theirs("a", 1)) is NotImplemented
    assert Counter("b").seen is not Counter("b").seen
    for unhashable in (one, theirs("a", 1)):
        with pytest.raises(TypeError, match="unhashable"):
            hash(unhashable)
    with pytest.raises(AttributeError):
        one.other = 1  # type: ignore[attr-defined]  # there is no such field
    assert copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == replace(one) == one


def test_what_makes_a_value_is_compiled_when_it_is_first_looked_up() -> None:
    @dataclass(frozen=True, slots=True)
    class Late:
        """A class that nobody has made a value of."""

        name: str
        size: int = 3

    assert not inspect.isfunction(Late.__dict__["__init__"])
    assert str(inspect.signature(Late)) == "(name: 'str', size: 'int' = 3) -> None"
    assert inspect.isfunction(Late.__dict__["__init__"])
    assert Late("a") == Late("a", 3)
