"""The mailboxes on disk: one SQLite file, or memory where no state is kept. Everything is written before a client hears of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.demo.mail.clock import Clock
from app.demo.mail.data import MailboxData
from app.demo.mail.mailbox import Mailbox, Message, User
from app.demo.mail.names import canonical, superiors

FILE_NAME: Final = "mail.sqlite"
SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE property (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE user (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, password TEXT NOT NULL, name TEXT NOT NULL, addresses TEXT NOT NULL) STRICT;
CREATE TABLE mailbox (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, name TEXT NOT NULL, uid_validity INTEGER NOT NULL, uid_next INTEGER NOT NULL,
  mod_seq INTEGER NOT NULL, special_use TEXT NOT NULL, is_selectable INTEGER NOT NULL, UNIQUE (user_id, name)) STRICT;
CREATE TABLE subscription (user_id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (user_id, name)) STRICT;
CREATE TABLE message (mailbox_id INTEGER NOT NULL, uid INTEGER NOT NULL, flags TEXT NOT NULL, internal_date REAL NOT NULL, size INTEGER NOT NULL,
  body_id INTEGER NOT NULL, mod_seq INTEGER NOT NULL, PRIMARY KEY (mailbox_id, uid)) STRICT, WITHOUT ROWID;
CREATE INDEX message_body ON message (body_id);
CREATE TABLE body (id INTEGER PRIMARY KEY, raw BLOB NOT NULL) STRICT;
CREATE TABLE submission (id INTEGER PRIMARY KEY, sender TEXT NOT NULL, recipients TEXT NOT NULL, login TEXT NOT NULL, accepted REAL NOT NULL,
  raw BLOB NOT NULL) STRICT;
"""


class StateUnreadable(Exception):
    """The state file is damaged or was written by a newer version; the text names the file's own name only."""


class MailboxProblem(Exception):
    """A change of mailboxes that the rules do not allow. ``code`` is a response code of RFC 5530."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Submission:
    """A message that SMTP accepted: the envelope, the bytes as they came and when (timezone-aware)."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes = field(repr=False)
    when: datetime
    user: str


class MailStore:
    """All users' mail. Every method is quick and synchronous; messages' bytes stay in the database until asked for."""

    def __init__(self, state: Path | None, clock: Clock) -> None:
        """Open the store in the folder ``state``, or in memory. Raises StateUnreadable."""
        self._clock = clock
        self.users: dict[str, User] = {}
        try:
            self._db = sqlite3.connect(":memory:" if state is None else state / FILE_NAME)
        except sqlite3.DatabaseError as error:
            raise StateUnreadable(f"{FILE_NAME} cannot be opened") from error
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._prepare_schema()
            self._load()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise StateUnreadable(f"{FILE_NAME} cannot be read: remove it to start with fresh mail") from error
        except StateUnreadable:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the database; the store is of no use afterwards."""
        self._db.close()

    def seed(self, mailboxes: Iterable[MailboxData]) -> None:
        """Create the users that the store does not know yet, with all their mail."""
        for data in mailboxes:
            if data.user.lower() not in self.users:
                self._seed_user(data)

    def user_of_address(self, address: str) -> User | None:
        """Whose INBOX takes mail for that address."""
        wanted = address.lower()
        return next((user for user in self.users.values() if wanted in user.addresses), None)

    def raw(self, message: Message) -> bytes:
        """The message as it came. Raises KeyError where it has been expunged meanwhile."""
        row = self._db.execute("SELECT raw FROM body WHERE id = ?", (message.body_id,)).fetchone()
        if row is None:
            raise KeyError(message.uid)
        return bytes(row[0])

    def property(self, name: str) -> int | None:
        """A number that was kept with `set_property`."""
        row = self._db.execute("SELECT value FROM property WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def set_property(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (name, value))

    def append(
        self, mailbox: Mailbox, raw: bytes, flags: Iterable[str] = (), internal_date: datetime | None = None
    ) -> Message:
        """Add a message at the end of a mailbox."""
        with self._db:
            body_id = self._insert_body(raw)
            message = self._insert_message(
                mailbox, frozenset(flags), internal_date or self._clock.now(), len(raw), body_id
            )
        mailbox.changed()
        return message

    def set_flags(self, mailbox: Mailbox, flags_by_uid: Mapping[int, frozenset[str]]) -> None:
        """Give messages new flags; those that have them already keep their mod-sequence. Unknown UIDs are passed over."""
        changes = [
            (mailbox.messages[uid], flags)
            for uid, flags in flags_by_uid.items()
            if uid in mailbox.messages and mailbox.messages[uid].flags != flags
        ]
        if not changes:
            return
        mod_seq = mailbox.next_mod_seq()
        with self._db:
            self._db.executemany(
                "UPDATE message SET flags = ?, mod_seq = ? WHERE mailbox_id = ? AND uid = ?",
                [(_flags_text(flags), mod_seq, mailbox.mailbox_id, message.uid) for message, flags in changes],
            )
            self._save_counters(mailbox)
        for message, flags in changes:
            message.flags = flags
            message.mod_seq = mod_seq
        mailbox.changed()

    def expunge(self, mailbox: Mailbox, uids: Sequence[int]) -> None:
        """Remove messages for good. Unknown UIDs are passed over."""
        gone = [mailbox.messages[uid] for uid in uids if uid in mailbox.messages]
        if not gone:
            return
        mailbox.next_mod_seq()
        with self._db:
            self._remove(mailbox, gone)
            self._save_counters(mailbox)
        mailbox.changed()

    def copy(self, source: Mailbox, uids: Sequence[int], target: Mailbox) -> list[tuple[int, int]]:
        """Copy messages with flags and dates, all or none; pairs of old and new UID (RFC 4315)."""
        with self._db:
            pairs = self._copy(source, uids, target)
        if pairs:
            target.changed()
        return pairs

    def move(self, source: Mailbox, uids: Sequence[int], target: Mailbox) -> list[tuple[int, int]]:
        """Move messages, all or none (RFC 6851); pairs of old and new UID."""
        with self._db:
            pairs = self._copy(source, uids, target)
            if pairs:
                source.next_mod_seq()
                self._remove(source, [source.messages[old] for old, _new in pairs])
                self._save_counters(source)
        if pairs:
            source.changed()
            target.changed()
        return pairs

    def create(self, user: User, name: str, special_use: str = "") -> Mailbox:
        """Create a mailbox, and those above it that do not exist. Raises MailboxProblem where it exists."""
        existing = user.mailboxes.get(name)
        if existing is not None and existing.is_selectable:
            raise MailboxProblem("Mailbox already exists", "ALREADYEXISTS")
        if special_use and user.with_use(special_use) is not None:
            raise MailboxProblem("Another mailbox has that special use", "USEATTR")
        with self._db:
            for above in superiors(name):
                if above not in user.mailboxes:
                    self._insert_mailbox(user, above, "")
            if existing is not None:
                self._db.execute("DELETE FROM mailbox WHERE id = ?", (existing.mailbox_id,))
            return self._insert_mailbox(user, name, special_use)

    def delete(self, user: User, name: str) -> None:
        """Delete a mailbox with its messages; with mailboxes below, the name stays and cannot be selected. Raises MailboxProblem."""
        mailbox = user.mailboxes.get(name)
        if name == "INBOX":
            raise MailboxProblem("INBOX cannot be deleted", "CANNOT")
        if mailbox is None:
            raise MailboxProblem("Mailbox does not exist", "NONEXISTENT")
        has_inferiors = bool(user.inferiors(name))
        if has_inferiors and not mailbox.is_selectable:
            raise MailboxProblem("Mailbox has mailboxes below it", "HASCHILDREN")
        with self._db:
            self._remove(mailbox, list(mailbox.messages.values()))
            self._db.execute("DELETE FROM mailbox WHERE id = ?", (mailbox.mailbox_id,))
            del user.mailboxes[name]
            if has_inferiors:
                self._insert_mailbox(user, name, "", is_selectable=False)
        mailbox.is_deleted = True
        mailbox.changed()

    def rename(self, user: User, old: str, new: str) -> None:
        """Give a mailbox and those below it a new name; INBOX gives its messages to a new mailbox instead. Raises MailboxProblem."""
        mailbox = user.mailboxes.get(old)
        if mailbox is None:
            raise MailboxProblem("Mailbox does not exist", "NONEXISTENT")
        if new in user.mailboxes:
            raise MailboxProblem("Mailbox already exists", "ALREADYEXISTS")
        if new.startswith(old + "/"):
            raise MailboxProblem("A mailbox cannot be moved below itself", "CANNOT")
        if old == "INBOX":
            target = self.create(user, new)
            self.move(mailbox, list(mailbox.messages), target)
            return
        with self._db:
            for above in superiors(new):
                if above not in user.mailboxes:
                    self._insert_mailbox(user, above, "")
            for moved in [mailbox, *user.inferiors(old)]:
                del user.mailboxes[moved.name]
                moved.name = new + moved.name[len(old) :]
                user.mailboxes[moved.name] = moved
                self._db.execute("UPDATE mailbox SET name = ? WHERE id = ?", (moved.name, moved.mailbox_id))

    def subscribe(self, user: User, name: str, *, wanted: bool) -> None:
        """Add a name to the subscriptions or take it off."""
        with self._db:
            if wanted:
                user.subscriptions.add(name)
                self._db.execute("INSERT OR IGNORE INTO subscription VALUES (?, ?)", (user.user_id, name))
            else:
                user.subscriptions.discard(name)
                self._db.execute("DELETE FROM subscription WHERE user_id = ? AND name = ?", (user.user_id, name))

    def record_submission(self, sender: str, recipients: Sequence[str], raw: bytes, login: str) -> Submission:
        """Keep what SMTP accepted."""
        when = self._clock.now()
        with self._db:
            self._db.execute(
                "INSERT INTO submission (sender, recipients, login, accepted, raw) VALUES (?, ?, ?, ?, ?)",
                (sender, json.dumps(list(recipients)), login, when.timestamp(), raw),
            )
        return Submission(sender, tuple(recipients), raw, when, login)

    def submissions(self) -> list[Submission]:
        """Everything SMTP accepted, in order."""
        rows = self._db.execute("SELECT sender, recipients, raw, accepted, login FROM submission ORDER BY id")
        return [
            Submission(sender, tuple(json.loads(recipients)), bytes(raw), datetime.fromtimestamp(accepted, UTC), login)
            for sender, recipients, raw, accepted, login in rows
        ]

    def _prepare_schema(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StateUnreadable(f"{FILE_NAME} was written by a newer version of the demo world")
        if version == 0:
            self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def _load(self) -> None:
        users = {
            user_id: User(user_id, login, password, name, frozenset(json.loads(addresses)))
            for user_id, login, password, name, addresses in self._db.execute(
                "SELECT id, login, password, name, addresses FROM user"
            )
        }
        mailboxes: dict[int, Mailbox] = {}
        for user_id, mailbox_id, name, uid_validity, uid_next, mod_seq, special_use, is_selectable in self._db.execute(
            "SELECT user_id, id, name, uid_validity, uid_next, mod_seq, special_use, is_selectable FROM mailbox"
        ):
            mailbox = Mailbox(mailbox_id, name, uid_validity, uid_next, mod_seq, special_use, bool(is_selectable))
            mailboxes[mailbox.mailbox_id] = users[user_id].mailboxes[mailbox.name] = mailbox
        for user_id, name in self._db.execute("SELECT user_id, name FROM subscription"):
            users[user_id].subscriptions.add(name)
        for mailbox_id, uid, flags, internal_date, size, body_id, mod_seq in self._db.execute(
            "SELECT mailbox_id, uid, flags, internal_date, size, body_id, mod_seq FROM message ORDER BY mailbox_id, uid"
        ):
            when = datetime.fromtimestamp(internal_date, UTC)
            message = Message(uid, frozenset(flags.split()), when, size, body_id, mod_seq)
            mailboxes[mailbox_id].messages[uid] = message
        self.users = {user.login.lower(): user for user in users.values()}

    def _seed_user(self, data: MailboxData) -> None:
        addresses = frozenset(address.lower() for address in data.addresses or (data.user,))
        with self._db:
            user_id = self._db.execute(
                "INSERT INTO user (login, password, name, addresses) VALUES (?, ?, ?, ?)",
                (data.user, data.password, data.name, json.dumps(sorted(addresses))),
            ).lastrowid
            user = User(int(user_id or 0), data.user, data.password, data.name, addresses)
            for folder in data.folders:
                name = canonical(folder.name)
                for above in superiors(name):
                    if above not in user.mailboxes:
                        self._insert_mailbox(user, above, "")
                mailbox = user.mailboxes.get(name) or self._insert_mailbox(user, name, folder.special_use)
                if folder.subscribed:
                    self._subscribe_seeded(user, name)
                for message in folder.messages:
                    body_id = self._insert_body(message.raw)
                    size = len(message.raw)
                    self._insert_message(mailbox, frozenset(message.flags), message.internal_date, size, body_id)
            if "INBOX" not in user.mailboxes:
                self._insert_mailbox(user, "INBOX", "")
        self.users[data.user.lower()] = user

    def _subscribe_seeded(self, user: User, name: str) -> None:
        user.subscriptions.add(name)
        self._db.execute("INSERT OR IGNORE INTO subscription VALUES (?, ?)", (user.user_id, name))

    def _insert_mailbox(self, user: User, name: str, special_use: str, *, is_selectable: bool = True) -> Mailbox:
        uid_validity = self._next_uid_validity()
        cursor = self._db.execute(
            "INSERT INTO mailbox (user_id, name, uid_validity, uid_next, mod_seq, special_use, is_selectable) VALUES (?, ?, ?, 1, 1, ?, ?)",
            (user.user_id, name, uid_validity, special_use, int(is_selectable)),
        )
        mailbox = Mailbox(int(cursor.lastrowid or 0), name, uid_validity, 1, 1, special_use, is_selectable)
        user.mailboxes[name] = mailbox
        return mailbox

    def _next_uid_validity(self) -> int:
        """Larger than any before, so that a mailbox that is deleted and made again is known to be another."""
        last = self.property("uid_validity") or int(self._clock.now().timestamp())
        self._db.execute("INSERT OR REPLACE INTO property VALUES ('uid_validity', ?)", (last + 1,))
        return last + 1

    def _insert_body(self, raw: bytes) -> int:
        return int(self._db.execute("INSERT INTO body (raw) VALUES (?)", (raw,)).lastrowid or 0)

    def _insert_message(
        self, mailbox: Mailbox, flags: frozenset[str], internal_date: datetime, size: int, body_id: int
    ) -> Message:
        when = internal_date.astimezone(UTC).replace(microsecond=0)
        message = Message(mailbox.uid_next, flags, when, size, body_id, mailbox.next_mod_seq())
        mailbox.uid_next += 1
        self._db.execute(
            "INSERT INTO message (mailbox_id, uid, flags, internal_date, size, body_id, mod_seq) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (mailbox.mailbox_id, message.uid, _flags_text(flags), when.timestamp(), size, body_id, message.mod_seq),
        )
        self._save_counters(mailbox)
        mailbox.messages[message.uid] = message
        return message

    def _copy(self, source: Mailbox, uids: Sequence[int], target: Mailbox) -> list[tuple[int, int]]:
        pairs: list[tuple[int, int]] = []
        for uid in uids:
            message = source.messages.get(uid)
            if message is not None:
                copied = self._insert_message(
                    target, message.flags, message.internal_date, message.size, message.body_id
                )
                pairs.append((uid, copied.uid))
        return pairs

    def _remove(self, mailbox: Mailbox, gone: Sequence[Message]) -> None:
        self._db.executemany(
            "DELETE FROM message WHERE mailbox_id = ? AND uid = ?",
            [(mailbox.mailbox_id, message.uid) for message in gone],
        )
        self._db.executemany(
            "DELETE FROM body WHERE id = ? AND NOT EXISTS (SELECT 1 FROM message WHERE message.body_id = body.id)",
            [(message.body_id,) for message in gone],
        )
        for message in gone:
            del mailbox.messages[message.uid]

    def _save_counters(self, mailbox: Mailbox) -> None:
        self._db.execute(
            "UPDATE mailbox SET uid_next = ?, mod_seq = ? WHERE id = ?",
            (mailbox.uid_next, mailbox.mod_seq, mailbox.mailbox_id),
        )


def _flags_text(flags: Iterable[str]) -> str:
    return " ".join(sorted(flags))
