"""Messages: headers and bodies coming in, and what is kept of them.

A header that is seen again in another folder, under another UID or another UIDVALIDITY is the same message when its identity
(`identity_of`) is the same: it gets a further location and keeps its id, its body and the wishes for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.events import FoldersChanged, MessagesChanged, MessagesStored
from app.model.ids import MESSAGE_ID_SEQUENCE_BITS, FolderId, MailAccountId, MessageId, message_id_floor
from app.model.mail import Address, Envelope
from app.store import locations, search, threads
from app.store.database import Reader, Transaction

_SEQUENCE_MASK = (1 << MESSAGE_ID_SEQUENCE_BITS) - 1
_RECIPIENTS_SHOWN = 12
_LATEST_DATE = 1 << 42
"""Seconds; a message id stays below 2^63."""


@dataclass(frozen=True, slots=True)
class NewHeader:
    """One message as a folder listed it. ``size`` is RFC822.SIZE, ``internal_date`` epoch seconds."""

    uid: int
    flags: frozenset[str]
    mod_seq: int
    internal_date: int
    size: int
    envelope: Envelope
    has_attachments: bool


@dataclass(frozen=True, slots=True)
class BodyText:
    """What the index and the list need of a body. ``parser_version`` tells which parser found it."""

    text: str = field(repr=False)
    snippet: str = field(repr=False)
    attachment_names: tuple[str, ...] = field(repr=False)
    has_attachments: bool
    parser_version: int


@dataclass(frozen=True, slots=True)
class Wanting:
    """A message whose body is not here yet, and where to ask for it."""

    message_id: MessageId
    uid: int
    size: int


@dataclass(slots=True)
class _Known:
    """What the store knows of the messages of one batch before it is stored."""

    by_uid: dict[int, MessageId]
    by_identity: dict[bytes, list[MessageId]]
    places: dict[MessageId, list[locations.Place]]


def identity_of(envelope: Envelope, internal_date: int, size: int) -> bytes:
    """What makes a mail recognisable elsewhere: never the Message-ID alone, which senders repeat and leave out."""
    key: list[object] = [envelope.message_id, internal_date, size]
    if not envelope.message_id:
        key += [envelope.date, envelope.subject, [address.address for address in envelope.from_]]
    packed = json.dumps(key, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(packed, digest_size=16).digest()


def store_headers(
    tx: Transaction,
    account_id: MailAccountId,
    folder_id: FolderId,
    uid_validity: int,
    headers: Sequence[NewHeader],
    *,
    is_new_mail: bool = False,
) -> list[MessageId]:
    """Store what a folder listed; the ids in the order of ``headers``. Publishes `MessagesStored` and `FoldersChanged`."""
    known = _known(tx, account_id, folder_id, uid_validity, headers)
    ids: list[MessageId] = []
    new_rows: list[tuple[MessageId, NewHeader, bytes]] = []
    touched: list[MessageId] = []
    for header in headers:
        identity = identity_of(header.envelope, header.internal_date, header.size)
        message_id = known.by_uid.get(header.uid)
        if message_id is None:
            message_id = _same_message(known, identity, folder_id, uid_validity)
        if message_id is None:
            message_id = _next_id(tx, header.envelope.date)
            new_rows.append((message_id, header, identity))
            known.by_identity.setdefault(identity, []).append(message_id)
            _insert_message(tx, account_id, message_id, header, identity)
        else:
            touched.append(message_id)
        place = locations.put(
            tx, known.places.get(message_id, []), message_id, folder_id, uid_validity, header.uid, header.mod_seq,
            header.flags,
        )  # fmt: skip
        known.places.setdefault(message_id, []).append(place)
        known.by_uid[header.uid] = message_id
        ids.append(message_id)
    threads.assign(
        tx,
        account_id,
        [(mid, h.envelope.message_id, h.envelope.in_reply_to, h.envelope.references) for mid, h, _ in new_rows],
    )
    search.index_headers(
        tx, [(mid, h.envelope.subject, sender_words(h.envelope), recipient_words(h.envelope)) for mid, h, _ in new_rows]
    )
    tx.execute_many(
        "UPDATE message SET orphaned_since = 0 WHERE message_id = ? AND orphaned_since <> 0", [(m,) for m in touched]
    )
    locations.apply_wishes(tx, ids)
    if ids:
        tx.publish(MessagesStored(folder_id, tuple(ids), is_new_mail), FoldersChanged(account_id))
    return ids


def replace_header(tx: Transaction, message_id: MessageId, found: Envelope, size_: int) -> None:
    """Give a message whose header could not be fetched at first the one that its body showed. Its place in lists stays."""
    row = tx.row("SELECT account_id, internal_date FROM message WHERE message_id = ?", (message_id,))
    if row is None:
        return
    tx.execute(
        "UPDATE message SET identity = ?, size = ?, header_message_id = ?, in_reply_to = ?, subject = ?, sender_name = ?, "
        "sender_address = ?, recipients = ?, envelope = ? WHERE message_id = ?",
        (identity_of(found, int(row[1]), size_), size_, *_header_columns(found), message_id),
    )
    threads.assign(tx, MailAccountId(row[0]), [(message_id, found.message_id, found.in_reply_to, found.references)])


def store_bodies(
    tx: Transaction, bodies: Sequence[tuple[MessageId, bytes, BodyText | None]], parser_version: int
) -> list[MessageId]:
    """Keep raw messages and index their words; where the words are None it is kept, and shown as source.

    ``parser_version`` is that of the parser which gave up. The ids that were stored: a message may have gone meanwhile.
    Publishes `MessagesChanged`.
    """
    stored = [
        message_id for message_id, raw_, parsed in bodies if _store_body(tx, message_id, raw_, parsed, parser_version)
    ]
    if stored:
        tx.publish(MessagesChanged(tuple(stored)))
    return stored


def store_body(tx: Transaction, message_id: MessageId, raw: bytes, parsed: BodyText | None) -> bool:
    """`store_bodies` for one message; False when it has gone meanwhile."""
    return bool(store_bodies(tx, [(message_id, raw, parsed)], parsed.parser_version if parsed else 0))


def _store_body(
    tx: Transaction, message_id: MessageId, raw_: bytes, parsed: BodyText | None, parser_version: int
) -> bool:
    row = tx.row("SELECT subject, envelope FROM message WHERE message_id = ?", (message_id,))
    if row is None:
        return False
    tx.execute("INSERT OR REPLACE INTO body (message_id, raw) VALUES (?, ?)", (message_id, raw_))
    if parsed is None:
        mark_unreadable(tx, message_id, parser_version)
        return True
    tx.execute(
        "UPDATE message SET body_state = 'stored', snippet = ?, has_attachments = ?, parser_version = ?, "
        "is_body_indexed = 1 WHERE message_id = ?",
        (parsed.snippet, int(parsed.has_attachments), parsed.parser_version, message_id),
    )
    envelope_ = _envelope_lists(row[1])
    search.index_body(
        tx,
        message_id,
        str(row[0]),
        _words(envelope_["from"]),
        _words([*envelope_["to"], *envelope_["cc"], *envelope_["bcc"]]),
        parsed.text,
        "\n".join(parsed.attachment_names),
    )
    return True


def raw(reader: Reader, message_id: MessageId) -> bytes | None:
    """The raw message, None while its body is not here."""
    row = reader.row("SELECT raw FROM body WHERE message_id = ?", (message_id,))
    return None if row is None else bytes(row[0])


def envelope(reader: Reader, message_id: MessageId) -> Envelope | None:
    """The envelope, or None for an unknown message."""
    row = reader.row(
        "SELECT subject, date, header_message_id, in_reply_to, envelope FROM message WHERE message_id = ?",
        (message_id,),
    )
    if row is None:
        return None
    lists = _envelope_lists(row[4])
    return Envelope(
        subject=str(row[0]),
        date=int(row[1]),
        message_id=str(row[2]),
        in_reply_to=str(row[3]),
        references=tuple(str(reference) for reference in json.loads(row[4]).get("references", [])),
        from_=lists["from"],
        reply_to=lists["reply_to"],
        to=lists["to"],
        cc=lists["cc"],
        bcc=lists["bcc"],
    )


def size(reader: Reader, message_id: MessageId) -> int:
    """RFC822.SIZE as the server told it, 0 for an unknown message."""
    row = reader.row("SELECT size FROM message WHERE message_id = ?", (message_id,))
    return int(row[0]) if row else 0


def account_of(reader: Reader, message_id: MessageId) -> MailAccountId | None:
    """Whose message it is, or None for an unknown one."""
    row = reader.row("SELECT account_id FROM message WHERE message_id = ?", (message_id,))
    return None if row is None else MailAccountId(row[0])


def by_header_id(reader: Reader, account_id: MailAccountId, header_message_id: str) -> list[MessageId]:
    """Messages of an account that carry this Message-ID (with its angle brackets)."""
    rows = reader.rows(
        "SELECT message_id FROM message WHERE header_message_id = ? AND header_message_id <> '' AND account_id = ?",
        (header_message_id, account_id),
    )
    return [MessageId(row[0]) for row in rows]


def without_body(
    reader: Reader, account_id: MailAccountId, folder_id: FolderId, uid_validity: int, *, limit: int, most_bytes: int
) -> list[Wanting]:
    """The newest messages of a folder whose body is still to come, those above ``most_bytes`` left out."""
    # From the few that lack a body, never from the folder: most have theirs.
    rows = reader.rows(
        "SELECT m.message_id, l.uid, m.size FROM message m INDEXED BY message_without_body "
        "JOIN location l ON l.message_id = m.message_id "
        "WHERE m.body_state = 'none' AND m.account_id = ? AND l.folder_id = ? AND l.is_shown = 1 AND l.uid_validity = ? "
        "AND l.uid > 0 AND m.size <= ? ORDER BY m.message_id DESC LIMIT ?",
        (account_id, folder_id, uid_validity, most_bytes, limit),
    )
    return [Wanting(MessageId(row[0]), int(row[1]), int(row[2])) for row in rows]


def count_without_body(reader: Reader, account_id: MailAccountId, folder_id: FolderId, *, most_bytes: int) -> int:
    """How many bodies of a folder are still to come."""
    row = reader.row(
        "SELECT count(*) FROM message m INDEXED BY message_without_body JOIN location l ON l.message_id = m.message_id "
        "WHERE m.body_state = 'none' AND m.account_id = ? AND l.folder_id = ? AND l.is_shown = 1 AND l.uid > 0 "
        "AND m.size <= ?",
        (account_id, folder_id, most_bytes),
    )
    return int(row[0]) if row else 0


def unparsed(reader: Reader, parser_version: int, *, limit: int) -> list[MessageId]:
    """Kept messages that no parser of this version has looked at, newest first: they are tried again after an update."""
    rows = reader.rows(
        "SELECT message_id FROM message WHERE body_state = 'unreadable' AND parser_version < ? "
        "ORDER BY message_id DESC LIMIT ?",
        (parser_version, limit),
    )
    return [MessageId(row[0]) for row in rows]


def mark_unreadable(tx: Transaction, message_id: MessageId, parser_version: int) -> None:
    """A parser of this version could not take the message apart."""
    tx.execute(
        "UPDATE message SET body_state = 'unreadable', parser_version = ? WHERE message_id = ?",
        (parser_version, message_id),
    )


def sender_words(envelope_: Envelope) -> str:
    """The sender as the index holds it: name and address."""
    return _words(envelope_.from_)


def recipient_words(envelope_: Envelope) -> str:
    """All recipients as the index holds them."""
    return _words([*envelope_.to, *envelope_.cc, *envelope_.bcc])


def _known(
    tx: Transaction, account_id: MailAccountId, folder_id: FolderId, uid_validity: int, headers: Sequence[NewHeader]
) -> _Known:
    by_uid = {
        int(row[0]): MessageId(row[1])
        for row in tx.rows(
            "SELECT l.uid, l.message_id FROM location l WHERE l.folder_id = ? AND l.uid_validity = ? AND l.uid IN "
            "(SELECT value FROM json_each(?))",
            (folder_id, uid_validity, json.dumps([header.uid for header in headers])),
        )
    }
    _forget_renumbered(tx, folder_id, uid_validity, headers, by_uid)
    identities = [identity_of(h.envelope, h.internal_date, h.size).hex() for h in headers]
    by_identity: dict[bytes, list[MessageId]] = {}
    for row in tx.rows(
        "SELECT identity, message_id FROM message WHERE account_id = ? AND identity IN "
        "(SELECT unhex(value) FROM json_each(?))",
        (account_id, json.dumps(identities)),
    ):
        by_identity.setdefault(bytes(row[0]), []).append(MessageId(row[1]))
    ids = {message_id for found in by_identity.values() for message_id in found} | set(by_uid.values())
    return _Known(by_uid, by_identity, locations.places(tx, sorted(ids)))


def _forget_renumbered(
    tx: Transaction, folder_id: FolderId, uid_validity: int, headers: Sequence[NewHeader], by_uid: dict[int, MessageId]
) -> None:
    # A server that gave a UID to another mail without a new UIDVALIDITY: believe the Message-ID, not the number.
    for header in headers:
        message_id = by_uid.get(header.uid)
        if message_id is None or not header.envelope.message_id:
            continue
        row = tx.row("SELECT header_message_id FROM message WHERE message_id = ?", (message_id,))
        if row is not None and row[0] and row[0] != header.envelope.message_id:
            found = tx.rows(
                "SELECT location_id FROM location WHERE folder_id = ? AND uid_validity = ? AND uid = ?",
                (folder_id, uid_validity, header.uid),
            )
            locations.remove(tx, [(int(place[0]), message_id) for place in found], now=1.0)
            del by_uid[header.uid]


def _same_message(known: _Known, identity: bytes, folder_id: FolderId, uid_validity: int) -> MessageId | None:
    # Twice in one folder and both there now: two messages, whatever their headers say.
    candidates = [
        message_id
        for message_id in known.by_identity.get(identity, [])
        if not any(
            place.folder_id == folder_id and place.is_confirmed(uid_validity)
            for place in known.places.get(message_id, [])
        )
    ]
    here = [m for m in candidates if any(place.folder_id == folder_id for place in known.places.get(m, []))]
    return next(iter(here or candidates), None)


def _next_id(tx: Transaction, date: int) -> MessageId:
    floor = message_id_floor(min(max(date, 0), _LATEST_DATE))
    while True:
        row = tx.row("UPDATE message_sequence SET next = next + 1 RETURNING next")
        assert row is not None
        candidate = MessageId(floor | (int(row[0]) & _SEQUENCE_MASK))
        if tx.row("SELECT 1 FROM message WHERE message_id = ?", (candidate,)) is None:
            return candidate


def _insert_message(
    tx: Transaction, account_id: MailAccountId, message_id: MessageId, header: NewHeader, identity: bytes
) -> None:
    tx.execute(
        "INSERT INTO message (message_id, account_id, thread_id, internal_date, has_attachments, identity, size, date, "
        "header_message_id, in_reply_to, subject, sender_name, sender_address, recipients, envelope) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message_id,
            account_id,
            message_id,
            header.internal_date,
            int(header.has_attachments),
            identity,
            header.size,
            header.envelope.date,
            *_header_columns(header.envelope),
        ),
    )


def _header_columns(found: Envelope) -> tuple[str, str, str, str, str, str, str]:
    # Message-ID, In-Reply-To, subject, the sender's name and address, recipients as shown, address lists.
    sender = found.from_[0] if found.from_ else Address("", "")
    packed = {
        "from": _pairs(found.from_),
        "reply_to": _pairs(found.reply_to),
        "to": _pairs(found.to),
        "cc": _pairs(found.cc),
        "bcc": _pairs(found.bcc),
        "references": found.references,
    }
    return (
        found.message_id,
        found.in_reply_to,
        found.subject,
        sender.name,
        sender.address.lower(),
        ", ".join(address.display for address in [*found.to, *found.cc][:_RECIPIENTS_SHOWN]),
        json.dumps({key: value for key, value in packed.items() if value}, ensure_ascii=False),
    )


def _pairs(addresses: Iterable[Address]) -> list[list[str]]:
    return [[address.name, address.address] for address in addresses]


def _words(addresses: Iterable[Address]) -> str:
    return "\n".join(f"{address.name} {address.address}" for address in addresses)


def _envelope_lists(packed: str) -> dict[str, tuple[Address, ...]]:
    found = json.loads(packed)
    return {
        key: tuple(Address(str(name), str(address)) for name, address in found.get(key, []))
        for key in ("from", "reply_to", "to", "cc", "bcc")
    }
