"""A mail as the sample data thinks of it, and its form as RFC 5322 and MIME. The same letter gives the same bytes."""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, quote
from hashlib import blake2b
from typing import Final

LINE_LENGTH: Final = 76
LONG_LINE: Final = 900
"""From this length on a line is not sent as it is (RFC 5322 2.1.1 allows 998)."""

_HIGH_BYTES: Final = bytes(range(0x80, 0x100))
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Who a mail is from or to."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail. With a ``content_id`` it is an image that the HTML shows by ``cid:``."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail.

    ``charset`` is that of the text, ``encoding`` its transfer encoding ("" picks one). ``declared_charset`` is what the header claims
    where that differs. ``calendar`` is an iCalendar text with its METHOD in the text itself. ``headers`` come after the usual ones.
    ``entity`` stands for everything from the MIME-Version field on, as it is.
    """

    sender: Mailbox
    to: tuple[Mailbox, ...]
    subject: str
    when: datetime
    text: str
    message_id: str
    cc: tuple[Mailbox, ...] = ()
    html: str = ""
    inline: tuple[Attachment, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    calendar: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    charset: str = "utf-8"
    declared_charset: str = ""
    encoding: str = ""
    entity: bytes = field(default=b"", repr=False)
    folder: str = "INBOX"
    flags: tuple[str, ...] = ()

    def moved(self, folder: str, *flags: str) -> Letter:
        """The same letter in a folder, with more flags."""
        return replace(self, folder=folder, flags=tuple(dict.fromkeys((*self.flags, *flags))))

    def render(self) -> bytes:
        """The message in bytes, lines ended by CRLF."""
        header = [
            _address_field("From", (self.sender,), self.charset),
            _address_field("To", self.to, self.charset),
        ]
        if self.cc:
            header.append(_address_field("Cc", self.cc, self.charset))
        header.append(text_field("Subject", self.subject, self.charset))
        header.append(f"Date: {format_datetime(self.when)}")
        header.append(f"Message-ID: {self.message_id}")
        if self.in_reply_to:
            header.append(f"In-Reply-To: {self.in_reply_to}")
        if self.references:
            header.append("References: " + "\r\n ".join(self.references))
        header += [text_field(name, value, self.charset) for name, value in self.headers]
        if self.entity:
            return "\r\n".join(header).encode("ascii") + b"\r\n" + self.entity
        content_headers, body = _content(self)
        header += ["MIME-Version: 1.0", *content_headers]
        return "\r\n".join(header).encode("ascii") + b"\r\n\r\n" + body


_Entity = tuple[list[str], bytes]


def fitting_charset(wanted: str, *texts: str) -> str:
    """The wanted charset if it has every letter of the texts, else the next larger one that has them."""
    for charset in (wanted, "windows-1252"):
        try:
            for text in texts:
                text.encode(charset)
        except UnicodeEncodeError:
            continue
        return charset
    return "utf-8"


def text_field(name: str, value: str, charset: str) -> str:
    """An unstructured field, folded, in encoded words where it has to be."""
    if value.isascii():
        return f"{name}: {_folded(value, len(name) + 2)}"
    try:
        value.encode(charset)
    except (UnicodeEncodeError, LookupError):
        charset = "utf-8"
    return f"{name}: " + Header(value, charset, header_name=name).encode(linesep="\r\n")


def entity(media_type: str, body: bytes, encoding: str, extra: Iterable[str] = ()) -> _Entity:
    """The header lines and encoded body of a leaf."""
    return [f"Content-Type: {media_type}", *extra, f"Content-Transfer-Encoding: {encoding}"], encoded(body, encoding)


def multipart(subtype: str, parts: Sequence[_Entity], seed: str, parameters: str = "") -> _Entity:
    """A multipart whose boundary follows from ``seed``."""
    boundary = "=_" + blake2b(f"{subtype} {seed}".encode(), digest_size=12).hexdigest()
    pieces = [
        b"\r\n".join([f"--{boundary}".encode(), *(h.encode() for h in header), b"", body]) for header, body in parts
    ]
    whole = b"\r\n".join([*pieces, f"--{boundary}--".encode(), b""])
    return [f'Content-Type: multipart/{subtype}; boundary="{boundary}"{parameters}'], whole


def encoded(body: bytes, encoding: str) -> bytes:
    """A body in its transfer encoding, lines ended by CRLF."""
    if encoding == "base64":
        return base64.encodebytes(body).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(body).replace(b"\n", b"\r\n")
    return body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _content(letter: Letter) -> _Entity:
    content = _text(letter, letter.text, "plain")
    if letter.html:
        html = _text(letter, letter.html, "html")
        if letter.inline:
            html = multipart("related", [html, *(_file(one) for one in letter.inline)], letter.message_id)
        content = multipart("alternative", [content, html], letter.message_id)
    if letter.calendar:
        method = re.search(r"^METHOD:(\w+)", letter.calendar, re.MULTILINE)
        media_type = f"text/calendar; charset=utf-8; method={method[1] if method else 'PUBLISH'}"
        invitation = entity(media_type, letter.calendar.encode(), "base64")
        content = multipart("alternative", [content, invitation], letter.message_id + "calendar")
    if letter.attachments:
        content = multipart("mixed", [content, *(_file(one) for one in letter.attachments)], letter.message_id)
    return content


def _text(letter: Letter, text: str, subtype: str) -> _Entity:
    lines = text.replace("\r\n", "\n")
    body = lines.encode(letter.charset, "xmlcharrefreplace" if subtype == "html" else "replace")
    encoding = letter.encoding or _fitting_encoding(body)
    declared = letter.declared_charset or letter.charset
    # Text in base64 has its line ends inside: they are CRLF like all others (RFC 2045 6.8).
    whole = body.replace(b"\n", b"\r\n") if encoding == "base64" else body
    return entity(f'text/{subtype}; charset="{declared}"', whole, encoding)


def _fitting_encoding(body: bytes) -> str:
    if body.isascii():
        return "7bit" if max(map(len, body.split(b"\n"))) < LONG_LINE else "quoted-printable"
    high = len(body) - len(body.translate(None, _HIGH_BYTES))
    return "base64" if high * 3 > len(body) else "quoted-printable"


def _file(attachment: Attachment) -> _Entity:
    disposition = "inline" if attachment.content_id else "attachment"
    extra = [_parameter_field(f"Content-Disposition: {disposition}", "filename", attachment.name)]
    if attachment.content_id:
        extra.append(f"Content-ID: <{attachment.content_id}>")
    media_type = _parameter_field(attachment.media_type, "name", attachment.name)
    return entity(media_type, attachment.content, "base64", extra)


def _parameter_field(start: str, name: str, value: str) -> str:
    if value.isascii():
        return f'{start}; {name}="{quote(value)}"'
    # RFC 2231: the charset and percent-encoded bytes.
    percent = "".join(chr(b) if (chr(b).isalnum() and b < 0x80) or b in b"-._" else f"%{b:02X}" for b in value.encode())
    return f"{start};\r\n {name}*=utf-8''{percent}"


def _address_field(name: str, mailboxes: Sequence[Mailbox], charset: str) -> str:
    shown = [_address(one, charset) for one in mailboxes] or ["undisclosed-recipients:;"]
    return f"{name}: " + ",\r\n ".join(shown)


def _address(mailbox: Mailbox, charset: str) -> str:
    name = mailbox.name
    if not name:
        return mailbox.address
    if not name.isascii():
        try:
            name.encode(charset)
        except (UnicodeEncodeError, LookupError):
            charset = "utf-8"
        return f"{Header(name, charset, maxlinelen=60).encode(linesep=chr(13) + chr(10))} <{mailbox.address}>"
    return f"{name} <{mailbox.address}>" if _ATOMS.fullmatch(name) else f'"{quote(name)}" <{mailbox.address}>'


def _folded(value: str, indent: int) -> str:
    lines: list[str] = []
    room = LINE_LENGTH - indent
    line = ""
    for word in re.split(r"(?<=\S)(?= )", value):
        if line and len(line) + len(word) > room:
            lines.append(line)
            line, room = "", LINE_LENGTH
        line += word
    return "\r\n".join([*lines, line])
