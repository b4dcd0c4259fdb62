"""Tells of a question: with a command, or with a request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from nika_core.plugin import Category, NotifierSetup, QuestionNotice, TaskError, shorten_start
from nika_core.toolbox.network import AddressGuard, guarded_client
from nika_core.toolbox.process import ProcessResult, run
from nika_notifier_notify.variables import filled, why_not_url

_KEPT: Final = 4096  # bytes of what a command writes
_TOLD: Final = 300  # characters of it in a message
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Notify:
    """One entry of `notify` in the project file."""

    def __init__(self, setup: NotifierSetup) -> None:
        self._setup = setup
        self._settings: Mapping[str, Any] = setup.settings

    async def notify(self, notice: QuestionNotice) -> None:
        """Run the command or send the request. Raise TaskError if it fails."""
        content = json.dumps(message_of(notice), ensure_ascii=False).encode("utf-8", "replace")
        if "command" in self._settings:
            await self._run(notice, content)
        else:
            await self._post(notice, content)

    async def _run(self, notice: QuestionNotice, content: bytes) -> None:
        environ = self._setup.environ
        argv = [filled(argument, environ, "the command of notify") for argument in self._settings["command"]]
        ended = await run(
            argv,
            run_id=notice.run_id,
            cwd=self._setup.folder,
            env={**environ, **variables_of(notice)},
            keep=_KEPT,
            stdin=content,
        )
        if ended.exit_code:
            raise TaskError(f"its command `{argv[0]}` {_end_of(ended)}")

    async def _post(self, notice: QuestionNotice, content: bytes) -> None:
        environ = self._setup.environ
        url = filled(self._settings["url"], environ, "the url of notify")
        why = why_not_url(url)
        if why is not None:
            raise TaskError(f"the url of notify, with its variables put in: {why}", category=Category.CONFIG)
        headers = {
            name: _one_line(filled(value, environ, f"the header {name} of notify"), name)
            for name, value in (self._settings.get("headers") or {}).items()
        }
        try:
            guard = AddressGuard.from_configuration(
                "notify", environ, self._settings.get("allow") or (), "`allow` beside the url"
            )
        except ValueError as error:
            raise TaskError(str(error), category=Category.CONFIG) from None
        async with guarded_client(guard, environ=environ) as client:
            from nika_notifier_notify.request import post  # imports httpx2, which opening the client has imported

            await post(client, url, {"user-agent": "nika/5", "idempotency-key": notice.key, **headers}, content)


def message_of(notice: QuestionNotice) -> dict[str, Any]:
    """Return what a command reads and a server is sent: the notice, and `text`, all of it in words."""
    shown = f"\n{notice.show}" if notice.show else ""
    text = f"{notice.workflow}: {notice.task} asks: {notice.message}{shown}\nTo answer: {notice.command}"
    return {**notice.as_json(), "text": text}


def variables_of(notice: QuestionNotice) -> dict[str, str]:
    """Return the environment variables of a command."""
    shown = notice.as_json()
    variables = {
        "NIKA_NOTICE_KEY": notice.key,
        "NIKA_RUN_ID": notice.run_id,
        "NIKA_WORKFLOW": notice.workflow,
        "NIKA_TASK": notice.task,
        "NIKA_QUESTION": notice.message,
        "NIKA_SHOWN": notice.show,
        "NIKA_ANSWER_COMMAND": notice.command,
        "NIKA_EXPIRES_AT": str(shown.get("expiresAt", "")),
        "NIKA_ATTENDED": "true" if notice.attended else "false",
    }
    return {
        name: value.replace("\0", "").encode("utf-8", "replace").decode("utf-8") for name, value in variables.items()
    }


def _one_line(value: str, name: str) -> str:
    if _CONTROL.search(value):
        raise TaskError(
            f"the header {name} of notify has a line break or a control character in it", category=Category.CONFIG
        )
    return value.strip(" \t")


def _end_of(ended: ProcessResult) -> str:
    how = f"was killed by {ended.signal_name}" if ended.signal_name else f"failed with exit code {ended.exit_code}"
    captured = ended.stderr if ended.stderr.tail else ended.stdout
    text = captured.tail.decode("utf-8", "replace").strip()
    written = shorten_start(text, _TOLD, cut=len(captured.tail) < captured.total)
    return f"{how}: {written}" if written else how
