"""Says in a sentence why a server cannot be used, and how to fix it: the library says it in Rust."""

from __future__ import annotations

from typing import Final, NamedTuple

from temporalio.service import RPCError, RPCStatusCode

from nika_backend_temporal.address import API_KEY, Address
from nika_core.plugin import UsageError, codes

_REFUSED: Final = (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED)
_ANY_CERTIFICATE: Final = "InvalidCertificate("
_ANYTHING_ELSE: Final = "start one (`temporal server start-dev`), or correct the address"


class _Known(NamedTuple):
    """What the library's text contains, what that means, and how to fix it."""

    text: str
    why: str
    hint: str


_KNOWN: Final = (
    _Known(
        "InvalidCertificate(UnknownIssuer)",
        "no authority that is known here has signed its certificate",
        "name the authority's certificate, if you trust it: `?ca=FILE`, a PEM file",
    ),
    _Known(
        "InvalidCertificate(NotValidForName",
        "its certificate is for another name",
        "write the address with a name that the certificate has",
    ),
    _Known("InvalidCertificate(Expired", "its certificate has expired", "the server needs a new one"),
    _Known(_ANY_CERTIFICATE, "its certificate is not accepted", "the server needs another one"),
    _Known("InvalidMessage(", "it does not speak TLS", f"leave `tls`, `ca`, `cert` and `key` out, and {API_KEY} unset"),
    _Known("KeyMismatch", "`key` is not the key of the certificate `cert`", "name the two files that belong together"),
    _Known("PrivateKeyParseError", "`key` is not a private key", "name a PEM file without a password"),
    _Known("CertificateParseError", "`ca` or `cert` is not a certificate", "name a PEM file"),
    _Known("onnection refused", "nothing listens there", _ANYTHING_ELSE),
    _Known("failed to lookup address", "there is no such host", "correct the address"),
)
# The server has ended the connection without a word: what it wants is guessed from what it was not given.
_ENDED: Final = (
    "roken pipe",
    "BrokenPipe",
    "UnexpectedEof",
    "ConnectionReset",
    "connection closed",
    "h2 protocol error",
)


def of_rpc(address: Address, error: RPCError) -> UsageError:
    """Return the error of a call that the server has answered, or could not."""
    if error.status is RPCStatusCode.NOT_FOUND and "amespace" in error.message:
        hint = f"temporal operator namespace create -n {address.namespace} --address {address.target}"
        return UsageError(
            f"the Temporal server at {address.target} has no namespace '{address.namespace}'",
            code=codes.USAGE,
            hint=f"name another one, or create it: {hint}",
        )
    if error.status in _REFUSED:
        return _refused(address, error.message)
    return of_text(address, error.message)


def of_text(address: Address, text: str) -> UsageError:
    """Return the error of a connection that failed, as the library words it."""
    if "code: Unauthenticated" in text or "code: PermissionDenied" in text:
        _, _, message = text.partition('message: "')
        return _refused(address, message.partition('"')[0])
    for known in _KNOWN:
        if known.text in text:
            detail = f" ({_detail(text)})" if known.text == _ANY_CERTIFICATE else ""
            return unusable(address, f"{known.why}{detail}", known.hint)
    if any(ended in text for ended in _ENDED):
        if not address.tls:
            return unusable(address, "it has ended the connection", "if it wants TLS: `?tls=yes`")
        if not address.has_certificate:
            hint = "if it wants a certificate from you: `?cert=FILE&key=FILE`"
            return unusable(address, "it has ended the TLS connection", hint)
        hint = "if it does not know the authority of `cert`, name another certificate"
        return unusable(address, "it has ended the TLS connection", hint)
    return unusable(address, " ".join(text.split())[:300])


def unusable(address: Address, why: str, hint: str = _ANYTHING_ELSE) -> UsageError:
    """Return the error of a server that cannot be used."""
    return UsageError(
        f"the Temporal server at {address.target} cannot be used: {why}", code=codes.NETWORK_FAILED, hint=hint
    )


def _refused(address: Address, message: str) -> UsageError:
    given = f"check {API_KEY}" if address.api_key else f"it may want an API key: set {API_KEY}"
    return UsageError(
        f"the Temporal server at {address.target} refuses you: {message}",
        code=codes.USAGE,
        hint=f"{given}, and whether you may use the namespace '{address.namespace}'",
    )


def _detail(text: str) -> str:
    """Return what is wrong with a certificate, e.g. `Revoked`."""
    _, _, rest = text.partition(_ANY_CERTIFICATE)
    return rest.split(")) })")[0].rstrip(") }")[:200]
