"""Calls one function in a process of its own. Run by path; imports nothing of Nika, and as little as it can.

The request comes on stdin, as JSON; the answer goes through the descriptor that NIKA_CHANNEL names: a line of JSON, and
after it the value, if there is one. Whatever the function prints, closes or forks does not disturb it.

With the path of `forking` and a JSON object as arguments it is a fork server: each call is a process forked from it.
The object is empty, or the part of a request that says which file to load before that.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from types import ModuleType, TracebackType

TYPE_CHECKING = False  # typing takes longer to import than all the rest, and few functions need it
if TYPE_CHECKING:
    from typing import Any, NoReturn

_MAX_MESSAGE = 2000


class FailedError(Exception):
    """An answer that is no value."""

    def __init__(self, status: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.answer = {"status": status, "message": _shortened(message, _MAX_MESSAGE), **more}


class Channel:
    """Where the answer goes, once and from this process only."""

    def __init__(self) -> None:
        self._fd = int(os.environ.pop("NIKA_CHANNEL"))
        os.set_inheritable(self._fd, False)
        self._pid = os.getpid()

    def answer(self, head: dict[str, Any], body: bytes = b"") -> NoReturn:
        if os.getpid() != self._pid:  # a fork of the function's has come back here
            os._exit(0)
        data = json.dumps({**head, "bytes": len(body)}).encode() + b"\n" + body
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        _leave()


def _leave() -> NoReturn:
    """End without waiting for threads that the function has left running."""
    import atexit

    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the function has closed or replaced it
            stream.flush()
    os._exit(0)


def main() -> NoReturn:
    """Answer the one request; as a fork server, let forked processes answer one each."""
    if len(sys.argv) > 1:
        _serve(sys.argv[1], json.loads(sys.argv[2]))
    channel = Channel()
    with open(0, "rb", closefd=False) as stdin:
        request = json.loads(stdin.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]  # a text stream
    try:
        head, body = _call(request)
    except FailedError as failed:
        head, body = failed.answer, b""
    channel.answer(head, body)


def _call(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        function = _find(request)
    except FailedError:
        raise
    except BaseException as error:
        raise _raised(error, "import") from error
    fitting = _fitting or _load_own("arguments.py")  # last: the function's modules must not be hidden by it
    try:
        arguments = fitting.fitted(function, request["args"])
    except fitting.BadArgumentError as error:
        raise FailedError("arguments", str(error)) from None
    try:
        result = function(**arguments)
        if hasattr(result, "__await__"):
            import asyncio

            result = asyncio.run(_awaited(result))
    except BaseException as error:
        raise _raised(error, "raised") from error
    return _encoded(result)


async def _awaited(result: Any) -> Any:
    return await result


_fitting: ModuleType | None = None  # in a fork server
_borrowed: set[str] = set()  # modules that only `_fitting` has imported
_preloaded: ModuleType | None = None


def _serve(forking_path: str, preload: dict[str, Any]) -> None:
    """Return in a forked process for each call."""
    global _fitting, _borrowed, _preloaded
    forking = _load_own(forking_path)
    known = set(sys.modules)
    _fitting = _load_own("arguments.py")
    _borrowed = set(sys.modules) - known
    watched: list[tuple[str, int, int]] = []
    if preload:
        try:
            _preloaded = _load(preload)
            watched = _watched()
        except BaseException:  # a call that loads it by itself says why
            forking.refuse("it cannot be imported")
        if forking.started_threads():
            forking.refuse("importing it starts threads, which a fork does not have")
    forking.serve(watched)


def _watched() -> list[tuple[str, int, int]]:
    """Return the files of all loaded modules that are not installed, with what tells whether they have changed."""
    installed = (os.__file__.removesuffix("os.py"), *(path for path in sys.path if path.endswith("site-packages")))
    files = {getattr(module, "__file__", None) or "" for module in sys.modules.values()} - {"", __file__}
    return [
        (file, status.st_mtime_ns, status.st_size)
        for file in files
        if not file.startswith(installed) and os.path.isfile(file) and (status := os.stat(file))  # noqa: PTH113, PTH116
    ]


def _load_own(path: str) -> ModuleType:
    """Load a file of Nika's; the function's modules must neither see it nor be hidden by it."""
    name = "nika_function_" + os.path.basename(path)  # noqa: PTH119 - pathlib takes long to import
    module = _load_file(name, os.path.join(os.path.dirname(__file__), path))  # noqa: PTH118, PTH120
    del sys.modules[name]
    return module


def _load(request: dict[str, Any]) -> ModuleType:
    """Return the function's module."""
    sys.path.insert(0, request["folder"])
    sys.argv = [request["where"]]
    if request["kind"] == "file":
        sys.path.insert(0, request["beside"])
    for name in _borrowed:  # what has such a name beside the function is the function's, as without a fork server
        top = name.partition(".")[0]
        for folder in sys.path[:2] if request["kind"] == "file" else sys.path[:1]:
            if os.path.exists(f"{folder}/{top}.py") or os.path.isdir(f"{folder}/{top}"):  # noqa: PTH110, PTH112
                sys.modules.pop(name, None)
    if request["kind"] == "file":
        return _load_file(_module_name(request["stem"]), request["path"])
    return _load_module(request["where"])


def _find(request: dict[str, Any]) -> Any:
    module = _preloaded or _load(request)
    found: Any = module
    for name in request["name"].split("."):
        if not hasattr(found, name):
            names = sorted(name for name, value in vars(module).items() if callable(value) and not name.startswith("_"))
            raise FailedError("missing", f"{request['where']} has no function '{name}'", names=names[:20])
        found = getattr(found, name)
    if not callable(found):
        raise FailedError("missing", f"'{request['name']}' of {request['where']} is not a function but {_type(found)}")
    return found


def _module_name(stem: str) -> str:
    """Return the name to import a file by: its own, as for a script's neighbours, unless that would hide a module."""
    if stem.isidentifier() and stem not in sys.modules and stem not in sys.stdlib_module_names:
        return stem
    return "nika_function_" + "".join(one if one.isalnum() else "_" for one in stem)


def _load_file(name: str, path: str) -> ModuleType:
    from importlib.machinery import ModuleSpec, SourceFileLoader

    loader = SourceFileLoader(name, path)
    spec = ModuleSpec(name, loader, origin=path)
    spec.has_location = True
    module = ModuleType(name)
    module.__spec__, module.__file__, module.__loader__ = spec, path, loader
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def _load_module(name: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise FailedError("missing", f"there is no module '{error.name}'") from None
        raise


def _raised(error: BaseException, status: str) -> FailedError:
    """Return what was raised, with the last line of the function's own part of the traceback."""
    if isinstance(error, SystemExit):
        return FailedError("exit", f"sys.exit({_shortened(repr(error.code), 200)})", during=status)
    import traceback

    first = error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename in {
        __file__,
        "<frozen importlib._bootstrap_external>",
    }:
        first = first.tb_next
    traceback.print_exception(type(error), error, first or error.__traceback__)
    name = type(error).__qualname__
    if type(error).__module__ not in {"builtins", "__main__"}:
        name = f"{type(error).__module__}.{name}"
    try:
        message = str(error)
    except Exception:  # a broken __str__
        message = "(its message cannot be shown)"
    return FailedError(status, message, type=name, where=_where(error, first))


def _shortened(text: str, length: int) -> str:
    """Return at most `length` characters. What is left of a secret is masked only beside the mark of a cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _where(error: BaseException, first: TracebackType | None) -> str:
    import linecache

    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {_shortened((error.text or '').strip(), 200)}"
    own = None
    libraries = (os.__file__.removesuffix("os.py"), "<frozen")
    while first is not None:
        file = first.tb_frame.f_code.co_filename
        if own is None or not (file.startswith(libraries) or "site-packages" in file):
            own = first
        first = first.tb_next
    if own is None:
        return ""
    code = own.tb_frame.f_code
    line = _shortened(linecache.getline(code.co_filename, own.tb_lineno).strip(), 200)
    return f"{code.co_filename}:{own.tb_lineno} in {code.co_name}: {line}"


def _encoded(result: Any) -> tuple[dict[str, Any], bytes]:
    try:
        if isinstance(result, str):
            return {"status": "value", "json": False}, result.encode()
        text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
        return {"status": "value", "json": True}, text.encode()
    except UnicodeEncodeError:
        raise FailedError("result", "it has a character that is not text (a lone surrogate)") from None
    except RecursionError:
        raise FailedError("result", "it is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise FailedError("result", f"{error} (the function returned {_type(result)})") from None


def _plain(value: Any) -> Any:
    """Convert what JSON has no type for, but which has an obvious form."""
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{_type(value)} is not JSON")


def _type(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


if __name__ == "__main__":
    main()
