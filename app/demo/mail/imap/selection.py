"""The selected mailbox as one client knows it: message numbers, and what it has been told so far (RFC 9051 2.3.1.2, 7.4, 7.5)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import takewhile

from app.demo.mail.imap.fetch import flag_list
from app.demo.mail.imap.syntax import SequenceRange
from app.demo.mail.mailbox import Mailbox, Message


class Selection:
    """Message numbers are positions in ``uids``, which changes only when the client is told so."""

    def __init__(self, mailbox: Mailbox, *, read_only: bool) -> None:
        self.mailbox = mailbox
        self.read_only = read_only
        self.uids: list[int] = list(mailbox.messages)
        self._told: dict[int, int] = {uid: message.mod_seq for uid, message in mailbox.messages.items()}
        self._seen_mod_seq = mailbox.mod_seq

    @property
    def last_uid(self) -> int:
        """The UID that ``*`` stands for, 0 in an empty mailbox."""
        return self.uids[-1] if self.uids else 0

    def resolve(self, ranges: Sequence[SequenceRange], *, by_uid: bool) -> list[tuple[int, int]] | None:
        """Pairs of number and UID that a sequence set names, ascending. None where a message number does not exist."""
        if by_uid:
            return self._by_uid(ranges)
        count = len(self.uids)
        numbers: set[int] = set()
        for first, last in ranges:
            low, high = sorted((first or count, last or count))
            if low < 1 or high > count:
                return None
            numbers.update(range(low, high + 1))
        return [(number, self.uids[number - 1]) for number in sorted(numbers)]

    def message(self, uid: int) -> Message | None:
        """The message, or None where it has been expunged and the client does not know yet."""
        return self.mailbox.messages.get(uid)

    def told(self, message: Message) -> None:
        """The client knows the flags of this message as they are now."""
        self._told[message.uid] = message.mod_seq

    def changes(self, *, expunges: bool, with_mod_seq: bool) -> list[bytes]:
        """Untagged responses for all that is new to the client, which knows it from now on."""
        mailbox = self.mailbox
        if mailbox.mod_seq == self._seen_mod_seq:
            return []
        lines: list[bytes] = []
        complete = True
        gone = [number for number, uid in enumerate(self.uids, 1) if uid not in mailbox.messages]
        if gone and expunges:
            for number in reversed(gone):
                self._told.pop(self.uids.pop(number - 1), None)
                lines.append(b"%d EXPUNGE" % number)
        elif gone:
            complete = False
        last = self.last_uid
        arrived = list(takewhile(lambda uid: uid > last, reversed(mailbox.messages)))
        if arrived:
            self.uids += reversed(arrived)
            self._told.update((uid, mailbox.messages[uid].mod_seq) for uid in arrived)
            lines.append(b"%d EXISTS" % len(self.uids))
        lines += self._flag_changes(with_mod_seq=with_mod_seq)
        if complete:
            self._seen_mod_seq = mailbox.mod_seq
        return lines

    def _flag_changes(self, *, with_mod_seq: bool) -> list[bytes]:
        lines: list[bytes] = []
        for number, uid in enumerate(self.uids, 1):
            message = self.mailbox.messages.get(uid)
            if message is not None and self._told.get(uid) != message.mod_seq:
                self._told[uid] = message.mod_seq
                extra = b" MODSEQ (%d)" % message.mod_seq if with_mod_seq else b""
                lines.append(b"%d FETCH (UID %d FLAGS %s%s)" % (number, uid, flag_list(message.flags), extra))
        return lines

    def _by_uid(self, ranges: Sequence[SequenceRange]) -> list[tuple[int, int]]:
        last = self.last_uid
        chosen: dict[int, int] = {}
        for first, second in ranges:
            low, high = sorted((first or last, second or last))
            inside = range(bisect_left(self.uids, low), bisect_right(self.uids, high))
            chosen.update((at + 1, self.uids[at]) for at in inside)
        return sorted(chosen.items())
