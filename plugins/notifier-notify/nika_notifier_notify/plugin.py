"""Declares the notifier notify. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nika_core.plugin import NotifierDescription, fields, hookimpl
from nika_core.toolbox.network import parse_allow_entry
from nika_notifier_notify.variables import why_not_filled, why_not_header, why_not_url

NIKA_API: Final = 1


class Argument(fields.Scalar):
    """Accept a text in which `${env.NAME}` stands for an environment variable; all else is meant as it is."""

    expects = "a text"

    def parse(self, text: str) -> str:
        return text


class Address(fields.Scalar):
    """Accept an http or https URL."""

    expects = "a URL that begins with http:// or https://"

    def parse(self, text: str) -> str:
        return _checked(text, why_not_url(text))


class HeaderValue(fields.Scalar):
    """Accept a text in which `${env.NAME}`, and no other template, stands for an environment variable."""

    expects = "a text"

    def parse(self, text: str) -> str:
        return _checked(text, why_not_filled(text))


class HeaderName(fields.Scalar):
    """Accept the name of a header."""

    expects = "the name of a header"

    def parse(self, text: str) -> str:
        return _checked(text, why_not_header(text))


class AllowEntry(fields.Scalar):
    """Accept `host`, `host:port` or a CIDR block."""

    expects = "an address that the url may have"

    def parse(self, text: str) -> str:
        parse_allow_entry(text)
        return text


def _checked(text: str, why: str | None) -> str:
    if why is not None:
        raise ValueError(why)
    return text


def why_not_one_way(entry: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an entry as a whole; None: nothing."""
    if ("command" in entry) == ("url" in entry):
        return "an entry has either `command` or `url`"
    if "command" not in entry:
        return None
    if not entry["command"]:
        return "`command` names no program"
    more = [key for key in ("headers", "allow") if key in entry]
    return f"`{more[0]}` goes with `url`, and this entry has `command`" if more else None


ENTRY: Final = fields.Map(
    {
        fields.Optional("command"): fields.field(
            fields.EmptyList() | fields.Seq(Argument()),
            "A program and its arguments, run in the project's folder with the notice as JSON on its stdin.",
        ),
        fields.Optional("url"): fields.field(Address(), "Where the notice is posted as JSON."),
        fields.Optional("headers"): fields.field(
            fields.EmptyDict() | fields.MapPattern(HeaderName(), HeaderValue()), "Headers of the request."
        ),
        fields.Optional("allow"): fields.field(
            fields.EmptyList() | fields.Seq(AllowEntry()), "Addresses that are not public and that the url may have."
        ),
    }
)
NOTIFY: Final = NotifierDescription(
    name="notify",
    summary="Runs a command, or posts JSON to a URL, for each question that a run asks.",
    notifier="nika_notifier_notify.notifier:Notify",
    settings=fields.EmptyList() | fields.Seq(fields.Checked(ENTRY, why_not_one_way)),
)


@hookimpl
def nika_notifiers() -> Iterable[NotifierDescription]:
    """Return the notifier."""
    return (NOTIFY,)
