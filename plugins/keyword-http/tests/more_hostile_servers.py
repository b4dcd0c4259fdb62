"""More hostile servers: addresses to which redirects lead, compressions, lengths, heads and charsets."""

from __future__ import annotations

import gzip
import zlib
from typing import Any, Final

from hostile_parts import ANY, BAD, BOMB, ENDLESS, GOOD, chunked, packed, plain, typed


def redirect(where: str, status: str = "302 X") -> list[Any]:
    return plain("", f"location: {where}", status=status)


MORE_SERVERS: Final[dict[str, tuple[str, list[Any]]]] = {
    "redirect to an octal address": (BAD, redirect("http://0300.0250.0.1/")),
    "redirect to a hexadecimal address": (BAD, redirect("http://0xA9.0xFE.0xA9.0xFE/")),
    "redirect to a short address": (BAD, redirect("http://10.1/")),
    "redirect to NAT64": (BAD, redirect("http://[64:ff9b::a00:1]/")),
    "redirect to 6to4 of a private address": (BAD, redirect("http://[2002:a00:1::]/")),
    "redirect to Teredo": (BAD, redirect("http://[2001:0:a00:1::1]/")),
    "redirect to a zone": (BAD, redirect("http://[fe80::1%25eth0]/")),
    "redirect to full-width digits": (BAD, redirect("http://\xef\xbc\x91\xef\xbc\x90.0.0.1/")),
    "redirect with userinfo": (BAD, redirect("http://example.com@10.0.0.1/")),
    "redirect with a backslash": (BAD, redirect("http://10.0.0.1\\@example.com/")),
    "redirect with userinfo and a fragment": (BAD, redirect("http://10.0.0.1#@example.com/")),
    "redirect to a broadcast address": (BAD, redirect("http://255.255.255.255/")),
    "redirect to a multicast address": (BAD, redirect("http://224.0.0.1/")),
    "redirect to carrier-grade NAT": (BAD, redirect("http://100.64.0.1/")),
    "redirect to the benchmark network": (BAD, redirect("http://198.18.0.1/")),
    "redirect to IPv4-compatible IPv6": (BAD, redirect("http://[::10.0.0.1]/")),
    "redirect to a unique local address": (BAD, redirect("http://[fd12:3456::1]/")),
    "redirect without a scheme": (BAD, redirect("//10.0.0.1/a")),
    "redirect to data": (BAD, redirect("data:text/plain,a")),
    "redirect to a unix socket": (BAD, redirect("http+unix://%2Fvar%2Frun%2Fdocker.sock/")),
    "redirect with a refresh header": (GOOD, plain("a", "refresh: 0; url=http://10.0.0.1/")),
    "redirect 300": (BAD, redirect("http://10.0.0.1/", "300 X")),
    "redirect 308 with a line feed": (ANY, redirect("http://10.0.0.1/%0d%0aHost:%20a", "308 X")),
    "redirect with alt-svc": (GOOD, plain("a", 'alt-svc: h2="10.0.0.1:443"; ma=99999999')),
    "redirect 401 with a realm": (
        BAD,
        plain("a", 'www-authenticate: Basic realm="' + "r" * 5000 + '"', status="401 X"),
    ),
    "redirect 407": (BAD, plain("a", 'proxy-authenticate: Basic realm="a"', status="407 X")),
    "gzip of gzip, named once": (ANY, packed(gzip.compress(BOMB), "gzip")),
    "gzip with a bomb in its second member": (BAD, packed(gzip.compress(b"a") + BOMB, "gzip")),
    "deflate without a header": (GOOD, packed(zlib.compress(b"abc")[2:-4], "deflate")),
    "gzip with the wrong checksum": (ANY, packed(gzip.compress(b"abc")[:-8] + b"\0" * 8, "gzip")),
    "gzip as x-gzip": (ANY, packed(gzip.compress(b"abc"), "x-gzip")),
    "gzip in capitals": (GOOD, packed(gzip.compress(b"abc"), "GZIP")),
    "identity, gzip": (ANY, packed(gzip.compress(b"abc"), "identity, gzip")),
    "gzip of nothing": (GOOD, packed(b"", "gzip")),
    "gzip bomb in chunks": (
        BAD,
        chunked(
            b"".join(b"%x\r\n%s\r\n" % (len(BOMB[i : i + 99]), BOMB[i : i + 99]) for i in range(0, len(BOMB), 99))
            + b"0\r\n\r\n",
            "content-encoding: gzip",
        ),
    ),
    "gzip bomb with an error": (BAD, plain(BOMB, "content-encoding: gzip", status="500 X")),
    "endless gzip": (
        GOOD,
        [
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10],
            b"\x00\xff\xff\x00\x00" + b"x" * 65535,
            ENDLESS,
        ],
    ),
    "length with a comma": (ANY, plain("abc", length="3, 3")),
    "length with different commas": (BAD, plain("abc", length="3, 4")),
    "length with blanks": (GOOD, plain("abc", length="  3  ")),
    "length with leading zeros": (ANY, plain("abc", length="0003")),
    "length with a fraction": (BAD, plain("abc", length="3.0")),
    "length with an underscore": (BAD, plain("abc", length="1_0")),
    "chunk size with a minus zero": (ANY, chunked(b"-0\r\n\r\n")),
    "chunk size with 0x": (BAD, chunked(b"0x3\r\nabc\r\n0\r\n\r\n")),
    "chunk size with blanks": (ANY, chunked(b"3   \r\nabc\r\n0\r\n\r\n")),
    "chunked in capitals": (GOOD, plain(b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: CHUNKED", length=None)),
    "chunked, then identity": (
        ANY,
        plain(b"3\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked, identity", length=None),
    ),
    "chunked and gzip": (ANY, plain(b"3\r\nabc\r\n0\r\n\r\n", "transfer-encoding: gzip, chunked", length=None)),
    "bare carriage returns": (BAD, [b"HTTP/1.1 200 OK\rcontent-length: 1\r\ra"]),
    "folded header": (ANY, plain("a", "x-a: a\r\n\tb")),
    "header with a bare carriage return": (ANY, plain("a", "x-a: a\rset-cookie: b=c")),
    "header with DEL": (ANY, plain("a", "x-a: \x7f")),
    "header name with terminal codes": (BAD, plain("a", "x\x1b[2J: a")),
    "header value with terminal codes": (ANY, plain("a", "x-a: \x1b]0;x\x07")),
    "two heads": (ANY, [b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"]),
    "two answers": (
        GOOD,
        [b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"],
    ),
    "100 with a body": (ANY, [b"HTTP/1.1 100 Continue\r\ncontent-length: 3\r\n\r\nabc", *plain("a")]),
    "byte order mark before the head": (BAD, [b"\xef\xbb\xbfHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"]),
    "lower-case protocol": (BAD, [b"http/1.1 200 ok\r\ncontent-length: 1\r\n\r\na"]),
    "HTTP/2 preface": (BAD, [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]),
    "ICY": (BAD, [b"ICY 200 OK\r\n\r\na"]),
    "charset with a newline in quotes": (GOOD, typed("a", 'text/plain; charset="utf-8\\n"')),
    "charset with a percent": (GOOD, typed("a", "text/plain; charset*=utf-8''utf-8")),
    "charset mbcs": (GOOD, typed("a", "text/plain; charset=mbcs")),
    "charset base64": (GOOD, typed("!!", "text/plain; charset=base64")),
    "charset uu": (GOOD, typed("begin", "text/plain; charset=uu")),
    "charset bz2": (GOOD, typed("a", "text/plain; charset=bz2_codec")),
    "charset raw_unicode_escape": (GOOD, typed(b"\\uZZZZ", "text/plain; charset=raw_unicode_escape")),
    "charset utf-8-sig": (GOOD, typed(b"\xef\xbb\xbfa", "text/plain; charset=utf-8-sig")),
    "charset cp037": (GOOD, typed(b"\x81", "text/plain; charset=cp037")),
    "charset iso-2022-jp broken": (GOOD, typed(b"\x1b$B\xff\xff", "text/plain; charset=iso-2022-jp")),
    "charset oem": (GOOD, typed("a", "text/plain; charset=oem")),
    "type with terminal codes": (ANY, typed("a", "text/\x1b[2Jplain")),
    "JSON with a charset": (GOOD, typed('{"a": 1}'.encode("utf-16"), "application/json; charset=utf-16")),
    "JSON in utf-16 without a charset": (GOOD, typed('{"a": 1}'.encode("utf-16-le"), "application/json")),
    "multipart without a boundary": (GOOD, typed("--x\r\n\r\na\r\n--x--", "multipart/mixed")),
    "JSON lines": (GOOD, typed('{"a":1}\n{"a":2}', "application/x-ndjson")),
}
