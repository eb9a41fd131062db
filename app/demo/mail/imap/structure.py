"""ENVELOPE and BODYSTRUCTURE (RFC 9051 7.5.2) from the structure of a message."""

from __future__ import annotations

from typing import Final

from app.demo.mail.imap.addresses import ImapAddress, parse_addresses
from app.demo.mail.imap.mime import Parameters, Part, split_parameters
from app.demo.mail.imap.syntax import nstring, quoted

_ADDRESS_FIELDS: Final = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")
_DEFAULTS_TO_FROM: Final = frozenset({"Sender", "Reply-To"})


def envelope(message: Part) -> bytes:
    """The ENVELOPE of a message: its header's main fields, addresses split, nothing decoded."""
    senders = _addresses(message, "From")
    lists = [
        senders if name in _DEFAULTS_TO_FROM and not _addresses(message, name) else _addresses(message, name)
        for name in _ADDRESS_FIELDS
    ]
    fields = [nstring(message.header("Date")), nstring(message.header("Subject"))]
    fields += [_address_list(addresses) for addresses in lists]
    fields += [nstring(message.header("In-Reply-To")), nstring(message.header("Message-ID"))]
    return b"(" + b" ".join(fields) + b")"


def body_structure(raw: bytes, part: Part, *, extended: bool) -> bytes:
    """BODYSTRUCTURE, or BODY (without the extension data) where not ``extended``."""
    if part.media_type == b"multipart" and part.parts:
        children = b"".join(body_structure(raw, child, extended=extended) for child in part.parts)
        fields = [children, quoted(part.subtype.upper())]
        if extended:
            fields += [_parameters(part.parameters), *_disposition_language_location(part)]
        return b"(" + b" ".join(fields) + b")"
    size = part.end - part.body
    parameters = part.parameters
    if part.media_type == b"text" and not any(name == b"charset" for name, _value in parameters):
        parameters = (*parameters, (b"charset", b"us-ascii"))
    fields = [
        quoted(part.media_type.upper()),
        quoted(part.subtype.upper()),
        _parameters(parameters),
        nstring(part.header("Content-ID")),
        nstring(part.header("Content-Description")),
        quoted((part.header("Content-Transfer-Encoding") or b"7BIT").upper()),
        b"%d" % size,
    ]
    if part.message is not None:
        inner = part.message
        fields += [envelope(inner), body_structure(raw, inner, extended=extended), _lines(raw, part)]
    elif part.media_type == b"text":
        fields.append(_lines(raw, part))
    if extended:
        fields += [nstring(part.header("Content-MD5")), *_disposition_language_location(part)]
    return b"(" + b" ".join(fields) + b")"


def _lines(raw: bytes, part: Part) -> bytes:
    return b"%d" % raw.count(b"\n", part.body, part.end)


def _addresses(message: Part, name: str) -> list[ImapAddress]:
    value = message.header(name)
    return parse_addresses(value) if value else []


def _address_list(addresses: list[ImapAddress]) -> bytes:
    if not addresses:
        return b"NIL"
    return b"(" + b"".join(b"(" + b" ".join(nstring(field) for field in address) + b")" for address in addresses) + b")"


def _parameters(parameters: Parameters) -> bytes:
    if not parameters:
        return b"NIL"
    return b"(" + b" ".join(quoted(name.upper()) + b" " + quoted(value) for name, value in parameters) + b")"


def _disposition_language_location(part: Part) -> list[bytes]:
    disposition = part.header("Content-Disposition")
    if disposition:
        kind, parameters = split_parameters(disposition)
        shown = b"(" + quoted(kind.upper()) + b" " + _parameters(parameters) + b")"
    else:
        shown = b"NIL"
    language = part.header("Content-Language")
    languages = [quoted(tag.strip()) for tag in (language or b"").split(b",") if tag.strip()]
    listed = b"(" + b" ".join(languages) + b")" if languages else b"NIL"
    return [shown, listed, nstring(part.header("Content-Location"))]
