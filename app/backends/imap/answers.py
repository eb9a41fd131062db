"""Answers of FETCH, COPYUID and BODYSTRUCTURE read message by message, so that one bad answer costs one message.

imaplib gives the answers of a FETCH as a flat list: a tuple (text, literal) for each literal, and a plain text at the end of each answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from imapclient.response_parser import parse_fetch_response

from app.mail.ports import FlagChange, MoveResult, RemoteHeader

MAX_UID = (1 << 32) - 1
MAX_NUMBER = (1 << 63) - 1
MAX_DEPTH = 50
MAX_SET_CHARS = 4_000
"""Of a sequence set in one command; some servers take lines of 8 kB only."""
Answer = list[Any]
_UID = re.compile(rb"\bUID (\d{1,10})\b", re.IGNORECASE)
_BODY_HEAD = re.compile(rb"BODY\[\]\s*(?:<0>\s*)?\{\d+\}$", re.IGNORECASE)
_FLAG = re.compile(r"\\?[^\x00-\x20\x7f(){%*\"\\\]]+")


def answers(data: Sequence[Any]) -> Iterator[Answer]:
    """The pieces of a FETCH grouped into one list an answer."""
    group: Answer = []
    for piece in data:
        if piece is None:
            continue
        group.append(piece)
        if not isinstance(piece, tuple):
            yield group
            group = []


def uid_of(answer: Answer) -> int | None:
    """The UID that an answer names, even when the rest of it cannot be read."""
    for piece in answer:
        found = _UID.search(piece[0] if isinstance(piece, tuple) else piece)
        if found:
            return checked(int(found[1]), MAX_UID)
    return None


def items(answer: Answer) -> tuple[int, dict[bytes, Any]] | None:
    """UID and data items of one answer, None when it cannot be read or names no UID."""
    try:
        parsed = parse_fetch_response(answer, False, True)
        if uid_of(answer) is None:
            return None
        uid, found = next(iter(parsed.items()))
        return checked(int(uid), MAX_UID), dict(found)
    except Exception:  # noqa: BLE001 - the parser raises whatever a server provokes; the message is asked for again, alone
        return None


def header(uid: int, found: dict[bytes, Any]) -> RemoteHeader | None:
    """A message's header from its data items; None when what every server must send is missing or out of range."""
    try:
        block = next((value for key, value in found.items() if key.startswith(b"BODY[HEADER")), b"")
        return RemoteHeader(
            uid=uid,
            flags=flags_of(found.get(b"FLAGS")),
            mod_seq=mod_seq_of(found),
            internal_date=_epoch(found.get(b"INTERNALDATE")),
            size=checked(int(found.get(b"RFC822.SIZE", 0)), MAX_NUMBER),
            header=block if isinstance(block, bytes) else b"",
            has_attachments=has_attachments(found.get(b"BODYSTRUCTURE")),
        )
    except (ValueError, TypeError, OverflowError):
        return None


def flag_change(uid: int, found: dict[bytes, Any]) -> FlagChange | None:
    """A message's flags from its data items."""
    if b"FLAGS" not in found:
        return None
    try:
        return FlagChange(uid, flags_of(found[b"FLAGS"]), mod_seq_of(found))
    except (ValueError, TypeError):
        return None


def body(answer: Answer) -> tuple[int, bytes] | None:
    """UID and whole message of one answer to BODY.PEEK[]; read without the library's parser, which costs more than the rest."""
    uid = uid_of(answer)
    for piece in answer:
        if uid is not None and isinstance(piece, tuple) and _BODY_HEAD.search(piece[0]):
            return uid, piece[1]
    found = items(answer)
    raw = found[1].get(b"BODY[]") if found else None
    return (found[0], raw) if found and isinstance(raw, bytes) else None


def has_attachments(structure: Any, depth: int = 0) -> bool:
    """Whether a BODYSTRUCTURE (RFC 9051 7.5.2) holds a part that a person would call an attachment."""
    if not isinstance(structure, tuple | list) or not structure or depth > MAX_DEPTH:
        return False
    parts = structure[0]
    if isinstance(parts, tuple | list):
        children = (
            parts if parts and isinstance(parts[0], tuple | list) else [p for p in structure if isinstance(p, tuple)]
        )
        return any(has_attachments(child, depth + 1) for child in children)
    kind, subtype = _word(structure, 0), _word(structure, 1)
    disposition = next((_word(v, 0) for v in structure[7:] if _is_disposition(v)), "")
    if disposition == "attachment":
        return True
    if kind in ("text", "multipart"):
        return _has_name(structure[2]) if kind == "text" and len(structure) > 2 else False
    is_signature = kind == "application" and subtype.endswith("-signature")
    is_inline_image = kind == "image" and (disposition == "inline" or bool(_word(structure, 3)))
    return not is_signature and not is_inline_image


def flags_of(value: Any) -> frozenset[str]:
    """Flags as text; what is no flag by RFC 9051's grammar is left out."""
    texts = (flag.decode("ascii", "replace") if isinstance(flag, bytes) else str(flag) for flag in value or ())
    return frozenset(text for text in texts if is_flag(text))


def is_flag(text: str) -> bool:
    """Whether a text is a flag or keyword that may be sent (RFC 9051 9, flag)."""
    return len(text) <= 200 and _FLAG.fullmatch(text) is not None


def mod_seq_of(found: dict[bytes, Any]) -> int:
    """The mod-sequence (RFC 7162), 0 where there is none."""
    value = found.get(b"MODSEQ")
    return checked(int(value[0]), MAX_NUMBER) if isinstance(value, tuple | list) and value else 0


def checked(number: int, most: int) -> int:
    """The number, or ValueError when no honest server would say it."""
    if not 0 <= number <= most:
        raise ValueError("number out of range")
    return number


def sequence_sets(uids: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
    """UIDs as sequence sets ("1:5,9"), each short enough for one command, with the UIDs in it."""
    text = ""
    chosen: list[int] = []
    for first, last in _runs(sorted(set(uids))):
        piece = f"{first}" if first == last else f"{first}:{last}"
        if text and len(text) + len(piece) + 1 > MAX_SET_CHARS:
            yield text, chosen
            text, chosen = "", []
        text = f"{text},{piece}" if text else piece
        chosen.extend(range(first, last + 1))
    if text:
        yield text, chosen


def move_result(code: bytes | None, asked: int) -> MoveResult:
    """COPYUID (RFC 4315 3): new UIDs by old. Empty where the server told none, or told nonsense."""
    nothing = MoveResult(0, {})
    parts = (code or b"").decode("ascii", "replace").split()
    if len(parts) != 3:
        return nothing
    try:
        old, new = _expanded(parts[1], asked), _expanded(parts[2], asked)
        validity = checked(int(parts[0]), MAX_UID)
    except ValueError:
        return nothing
    return MoveResult(validity, dict(zip(old, new, strict=True))) if len(old) == len(new) else nothing


def _expanded(text: str, most: int) -> list[int]:
    found: list[int] = []
    for piece in text.split(","):
        first, _, last = piece.partition(":")
        low, high = sorted((checked(int(first), MAX_UID), checked(int(last or first), MAX_UID)))
        if high - low >= most or len(found) > most:
            raise ValueError("more UIDs than were asked for")
        found.extend(range(low, high + 1))
    return found


def _runs(uids: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = last = 0
    for uid in uids:
        if uid == last + 1 and first:
            last = uid
            continue
        if first:
            yield first, last
        first = last = uid
    if first:
        yield first, last


def _epoch(value: Any) -> int:
    return max(0, int(value.timestamp())) if isinstance(value, datetime) else 0


def _word(structure: Any, at: int) -> str:
    value = structure[at] if isinstance(structure, tuple | list) and len(structure) > at else None
    return value.decode("ascii", "replace").lower() if isinstance(value, bytes) else ""


def _is_disposition(value: Any) -> bool:
    return isinstance(value, tuple | list) and _word(value, 0) in ("attachment", "inline")


def _has_name(parameters: Any) -> bool:
    return isinstance(parameters, tuple | list) and any(
        isinstance(name, bytes) and name.lower().split(b"*", 1)[0] == b"name" for name in parameters[::2]
    )
