"""`dataclass` for classes with slots, and `replace`: Python's own, at a tenth and a half of what they cost.

Python looks at each field and compiles up to six methods for each class; for the classes of a run that was a third of
its start. Here a class only gets its slots, and all classes share most methods. What is made of the fields, by Python's
own `dataclass`, and `__init__`, waits until it is first needed. Python's own makes whatever has no slots, extends
another dataclass, or has further options.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, field
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:

    def dataclass(*, frozen=False, slots=False, kw_only=False, **options):
        """Make a class a dataclass, as `dataclasses.dataclass` does."""

        def decorate(cls):
            extends = any("__dataclass_fields__" in base.__dict__ for base in cls.__mro__)
            if not slots or options or extends:
                return dataclasses.dataclass(cls, frozen=frozen, slots=slots, kw_only=kw_only, **options)
            if any(not isinstance(text, str) or _RARE.search(text) for text in cls.__annotations__.values()):
                made = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=True, kw_only=kw_only)
                made.__dataclass_params__.frozen = frozen  # only frozen classes may extend a frozen one
            else:
                made = _slotted(cls, frozen, kw_only)
            return _with_methods(made, _FROZEN if frozen else _CHANGING)

        return decorate

    def replace(value, /, **changes):
        """Return a copy of a dataclass with other values for some fields, as `dataclasses.replace` does."""
        cls = type(value)
        replacer = _REPLACERS.get(cls)
        if replacer is None:
            replacer = _REPLACERS[cls] = _replacer(cls)
        return replacer(value, **changes)


def _slotted(cls: Any, frozen: bool, kw_only: bool) -> Any:
    """Make the class anew, with a slot for each field."""
    names = [name for name, text in cls.__annotations__.items() if not text.startswith(_OF_CLASS)]
    namespace = dict(cls.__dict__)
    defaults = {name: namespace.pop(name) for name in names if name in namespace}
    namespace.pop("__dict__", None)
    namespace.pop("__weakref__", None)
    inherited = {slot for base in cls.__mro__ for slot in base.__dict__.get("__slots__", ())}
    namespace["__slots__"] = tuple(name for name in names if name not in inherited)
    if "__match_args__" not in namespace:
        namespace["__match_args__"] = tuple(name for name in names if _has_place(defaults.get(name), kw_only))
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__

    def of_fields() -> None:
        told = {name: cls.__annotations__[name] for name in names}
        plain: Any = type(cls.__name__, (), {**defaults, "__annotations__": told, "__module__": cls.__module__})
        plain.__doc__ = cls.__name__  # else Python works out a signature
        plain = dataclasses.dataclass(plain, init=False, repr=False, eq=False, kw_only=kw_only)
        made.__dataclass_fields__ = plain.__dataclass_fields__
        made.__dataclass_params__ = plain.__dataclass_params__
        made.__dataclass_params__.frozen = frozen  # only frozen classes may extend a frozen one

    for name in ("__dataclass_fields__", "__dataclass_params__"):
        setattr(made, name, _Late(name, of_fields))
    return made


def _has_place(default: Any, kw_only: bool) -> bool:
    """Return whether a field is a parameter of `__init__` that may be given by position."""
    if not isinstance(default, dataclasses.Field):
        return not kw_only
    return default.init and not (kw_only if default.kw_only is MISSING else default.kw_only)


def _with_methods(cls: Any, methods: dict[str, Any]) -> Any:
    """Add the methods of a dataclass, except for those that the class has itself."""

    def compared() -> None:
        names = [one.name for one in dataclasses.fields(cls) if one.compare]
        cls.__compared__ = attrgetter(*names) if names else type

    def init() -> None:
        cls.__init__ = _init(cls, dataclasses.fields(cls))

    cls.__compared__ = _Late("__compared__", compared)
    cls.__init__ = _Late("__init__", init)
    for name, method in methods.items():
        if cls.__dict__.get(name) is None:
            setattr(cls, name, method)
    return cls


class _Late:
    """An attribute of a class until it is looked up for the first time: of most classes a command makes no value."""

    __slots__ = ("_make", "_name")

    def __init__(self, name: str, make: Callable[[], None]) -> None:
        self._name = name
        self._make = make

    def __get__(self, instance: object, owner: type) -> Any:
        self._make()
        return getattr(owner if instance is None else instance, self._name)


def _init(cls: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    """Compile `__init__`. It sets each field through its slot, which does not ask `__setattr__`.

    A field that is not a parameter (`init=False`) is left to `__post_init__`.
    """
    known: dict[str, Any] = {}
    by_position, by_name, body = ["self"], ["*"], []
    for one in fields:
        name = value = parameter = one.name
        if one.default is not MISSING:
            known[f"default_{name}"] = one.default
            parameter = f"{name}=default_{name}"
        elif one.default_factory is not MISSING:
            known[f"default_{name}"] = one.default_factory
            parameter = f"{name}=default_{name}"
            value = f"default_{name}() if {name} is default_{name} else {name}"
        if one.init:
            (by_name if one.kw_only else by_position).append(parameter)
            known[f"set_{name}"] = getattr(cls, name).__set__
            body.append(f" set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    parameters = by_position + (by_name if len(by_name) > 1 else [])
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(body or [" pass"]), known)  # noqa: S102 # our own text
    init: Callable[..., None] = known["__init__"]
    init.__annotations__ = {one.name: one.type for one in fields if one.init} | {"return": None}
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    return init


# What `_slotted` leaves to Python's own `dataclass`, and what is not a field.
_RARE = re.compile(r"InitVar|KW_ONLY|\.ClassVar")
_OF_CLASS = "ClassVar"

_REPLACERS: dict[type, Callable[..., Any]] = {}


def _replacer(cls: Any) -> Callable[..., Any]:
    """Compile `replace` for a class: at a fifth of what it costs to look at each field every time."""
    given = [one for one in dataclasses.fields(cls) if one.init]
    values = [f"_self.{one.name} if {one.name} is _kept else {one.name}" for one in given]
    arguments = [f"{one.name}={text}" if one.kw_only else text for one, text in zip(given, values, strict=True)]
    parameters = ["_self", "/", *(["*"] if given else []), *(f"{one.name}=_kept" for one in given)]
    known: dict[str, Any] = {"_class": cls, "_kept": object()}
    exec(f"def replace({', '.join(parameters)}):\n return _class({', '.join(arguments)})", known)  # noqa: S102 # our own text
    replacer: Callable[..., Any] = known["replace"]
    return replacer


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self.__compared__(self) == self.__compared__(other)


def _hash(self: Any) -> int:
    return hash(self.__compared__(self))


def _refuse(self: object, name: str, *_: object) -> None:
    raise FrozenInstanceError(f"cannot assign to or delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_CHANGING: dict[str, Any] = {"__repr__": _repr, "__eq__": _eq, "__hash__": None}
_FROZEN = {
    **_CHANGING,
    "__hash__": _hash,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}

__all__ = ["dataclass", "field", "replace"]
