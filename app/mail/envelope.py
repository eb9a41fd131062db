"""Header blocks (RFC 5322) turned into envelopes, whatever is in them.

Pure functions that run in a worker: linear in their input, with caps, and they never raise. The standard library's newer header policy raises on real
mail and takes seconds for hostile headers, so each field is read here on its own: the old parser splits the block, and what follows is ours.
"""

from __future__ import annotations

import email.parser
import email.policy
import re
from collections.abc import Sequence
from email.utils import mktime_tz, parsedate_tz

from app.mail.mime import decode_text, decode_words
from app.model.mail import Address, Envelope

MAX_BLOCK_BYTES = 1 << 20
MAX_FIELD_CHARS = 64 * 1024
MAX_SUBJECT_CHARS = 2_000
MAX_ADDRESSES = 1_000
MAX_REFERENCES = 100
MAX_ADDRESS_CHARS = 1_000
FUTURE_ALLOWED_S = 86_400
"""A Date further ahead of its arrival than this is a wrong clock or a trick to stay on top of the list."""
_MESSAGE_ID = re.compile(r"<[^<>]{1,1000}>")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<(?:"[^"]*"|[^<>"])*>?|[^"<(),;:@]+|.', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_FIELDS = frozenset("subject date from reply-to sender to cc bcc message-id in-reply-to references".split())


def parse_headers(blocks: Sequence[tuple[bytes, int]]) -> list[Envelope]:
    """Envelopes of many header blocks, each with its internal date in epoch seconds."""
    return [parse_envelope(block, internal_date) for block, internal_date in blocks]


def parse_envelope(block: bytes, internal_date: int) -> Envelope:
    """The envelope of one header block. Where the Date field is unusable its arrival, ``internal_date``, stands for it."""
    fields = _fields(block)
    senders = addresses(fields.get("from", "")) or addresses(fields.get("sender", ""))
    return Envelope(
        subject=decode_words(fields.get("subject", ""))[:MAX_SUBJECT_CHARS],
        date=_date(fields.get("date", ""), internal_date),
        from_=senders,
        reply_to=addresses(fields.get("reply-to", "")),
        to=addresses(fields.get("to", "")),
        cc=addresses(fields.get("cc", "")),
        bcc=addresses(fields.get("bcc", "")),
        message_id=next(iter(message_ids(fields.get("message-id", ""))), ""),
        in_reply_to=next(iter(message_ids(fields.get("in-reply-to", ""))), ""),
        references=_chain(message_ids(fields.get("references", ""))),
    )


def empty_envelope(internal_date: int) -> Envelope:
    """The envelope of a message whose header could not be read at all."""
    return Envelope("", max(0, internal_date), (), (), (), (), (), "", "")


def addresses(value: str) -> tuple[Address, ...]:
    """The mailboxes of an address list (RFC 5322 3.4), groups dissolved, names decoded; at most `MAX_ADDRESSES`.

    What is no address keeps its words as a name, so that nothing a person could recognise is lost.
    """
    found: list[Address] = []
    fragment = ""
    for phrase, address, comment in _mailboxes(value[:MAX_FIELD_CHARS]):
        if address is None and "@" in phrase:
            phrase, address = comment, phrase
        name = decode_words(phrase or (comment if address else ""))
        if address is None:
            # "Klein, Karl <karl@acme.example>" without quotes: the comma belonged to the name.
            fragment = f"{fragment}, {name}" if fragment else name
            continue
        found.append(Address(f"{fragment}, {name}" if fragment and name else name or fragment, _clean_address(address)))
        fragment = ""
        if len(found) >= MAX_ADDRESSES:
            return tuple(found)
    if fragment:
        found.append(Address(fragment, ""))
    return tuple(found)


def message_ids(value: str) -> tuple[str, ...]:
    """The message identifiers in a field, brackets kept, white space inside removed. A bare word counts where no bracket is."""
    text = value[:MAX_FIELD_CHARS]
    found = tuple(re.sub(r"[\s\x00-\x1f\x7f]+", "", identifier) for identifier in _MESSAGE_ID.findall(text))
    if found:
        return tuple(identifier for identifier in found if len(identifier) > 2)
    words = [word for word in text.split() if "@" in word and len(word) <= 1000]
    return tuple(f"<{word.strip('<>')}>" for word in words[:1])


def _fields(block: bytes) -> dict[str, str]:
    try:
        parsed = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(block[:MAX_BLOCK_BYTES])
        items = list(parsed.raw_items())
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        # It promises not to raise; other parts of the same parser have broken that promise.
        return {}
    fields: dict[str, str] = {}
    for name, value in items:
        key = name.lower()
        if key in _FIELDS and key not in fields:
            fields[key] = _readable(str(value)[:MAX_FIELD_CHARS])
    return fields


def _readable(value: str) -> str:
    # Bytes above 127 come as surrogates; senders write UTF-8 or a legacy charset there without saying so.
    if value.isascii():
        return value
    return decode_text(value.encode("utf-8", "surrogateescape"), "utf-8")


def _date(value: str, internal_date: int) -> int:
    try:
        parsed = parsedate_tz(value[:200]) if value else None
        date = int(mktime_tz(parsed)) if parsed else 0
    except (ValueError, OverflowError, TypeError, IndexError, OSError):
        date = 0
    if date <= 0 or (internal_date > 0 and date > internal_date + FUTURE_ALLOWED_S):
        return max(0, internal_date)
    return date


def _chain(found: tuple[str, ...]) -> tuple[str, ...]:
    return found if len(found) <= MAX_REFERENCES else (*found[:2], *found[2 - MAX_REFERENCES :])


def _clean_address(text: str) -> str:
    # A quoted local part may hold spaces (RFC 5321 4.1.2); elsewhere they come from folding.
    text = re.sub(r"[\x00-\x1f\x7f]+", "", decode_words(text))
    text = text if '"' in text else re.sub(r"\s+", "", text)
    if text.startswith("@") and ":" in text:
        text = text.rsplit(":", 1)[-1]  # a source route (RFC 5322 4.4)
    return text[:MAX_ADDRESS_CHARS]


def _mailboxes(text: str) -> list[tuple[str, str | None, str]]:
    """Split an address list into (phrase, address in angle brackets or None, comment), each character looked at once."""
    found: list[tuple[str, str | None, str]] = []
    phrase: list[str] = []
    written: list[str] = []
    comment: list[str] = []
    angle: str | None = None
    depth = 0
    for piece in (*_TOKEN.findall(text), ","):
        if piece == "(":
            depth += 1
        elif depth:
            depth -= piece == ")"
            comment.append(" " if piece == ")" else piece)
        elif piece in ",;":
            if angle is None and "@" in phrase:
                found.append((_folded(comment), _folded(written), ""))
            elif (words := _folded(phrase)) or angle is not None:
                found.append((words, angle, _folded(comment)))
            phrase, written, comment, angle = [], [], [], None
        elif piece == ":" and "@" not in phrase and not "".join(phrase[:2]).lstrip().startswith("=?"):
            phrase, written = [], []  # the name of a group
        elif piece.startswith("<"):
            angle = piece.strip("<>")
        else:
            written.append(piece)  # a quoted local part keeps its quotes
            phrase.append(_ESCAPE.sub(r"\1", piece[1:-1]) if piece.startswith('"') and len(piece) > 1 else piece)
        if len(found) >= MAX_ADDRESSES:
            break
    return found


def _folded(pieces: list[str]) -> str:
    return " ".join("".join(pieces).split())
