"""A message being written: prefilled, kept as a draft while it grows, handed to the outbox. The feature's only file that calls the core."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import Offline, TransientError, ValidationFailed
from app.mail.accounts import MailAccounts
from app.mail.compose import MailComposer
from app.model.ids import MailAccountId, MessageId
from app.model.mail import Address, MailAccount, OutgoingMessage
from ui.dispatch import Dispatcher
from ui.text import Words

AUTOSAVE_MS = 2_000
"""How long after the last key the draft is kept, in milliseconds."""

_REFUSALS = {
    "no_address": "One of the addresses cannot be right. Nothing was sent.",
    "no_recipient": "Add a recipient. Nothing was sent.",
}
_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+\.[^\s@<>,;\"]+\Z")
_NAMED = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*"|[^<>"]*)\s*<(?P<address>[^<>]*)>')
_SPECIAL = re.compile(r'[()<>@,:;."\\\[\]]')
_ATTACHMENT_WORDS = re.compile(
    r"\b(attached|attachment|enclosed|anbei|im anhang|beigefügt|ci-joint|adjunto)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What the fields hold."""

    to: str
    cc: str
    bcc: str
    subject: str
    text: str


class ComposerModel(QObject):
    """One message. `ready` comes when the prefilled message is here; `sent` when it is safely in the outbox."""

    ready = Signal(object, object)
    """The `OutgoingMessage` to start from and the list of `MailAccount` it can be sent by."""
    sent = Signal(str)
    """The operation's id: the window offers to take it back while it has not gone."""
    saved = Signal(bool)
    """True once the draft is kept, false while it is newer than what is kept."""
    kept = Signal(object)
    """The `OutgoingMessage` whose draft is on disk, after `keep`."""
    refused = Signal(str)
    """Why it was not sent, or could not be begun; what was written is still there."""
    drafts_found = Signal(object)
    """What `find_drafts` found: a list of `OutgoingMessage`, last saved first."""

    def __init__(
        self, composer: MailComposer, accounts: MailAccounts, dispatcher: Dispatcher, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._composer = composer
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._message: OutgoingMessage | None = None
        self._known: list[MailAccount] = []
        self._is_over = False
        self._is_sending = False
        self._autosave = QTimer(self)
        self._autosave.setSingleShot(True)
        self._autosave.setInterval(AUTOSAVE_MS)
        self._autosave.timeout.connect(lambda: self.save())

    @property
    def message(self) -> OutgoingMessage | None:
        """The message as it was last changed."""
        return self._message

    def start_new(self, account_id: MailAccountId | None = None, to: str = "") -> None:
        """An empty message from the given account, or the first."""

        async def work() -> None:
            self._known = await self._accounts.list()
            chosen = account_id if account_id is not None else self._known[0].account_id if self._known else None
            if chosen is None:
                self.refused.emit(
                    "There is no mail account yet. Add one under Accounts; then a message can be written."
                )
                return
            message = await self._composer.new(chosen)
            self._begin(replace(message, to=tuple(parse_addresses(to)[0])))

        self._dispatcher.start(work())

    def start_reply(self, message_id: MessageId, *, to_all: bool) -> None:
        """An answer with the quoted text."""

        async def work() -> None:
            self._known = await self._accounts.list()
            self._begin(await self._composer.reply(message_id, to_all=to_all))

        self._dispatcher.start(work(), on_error=self._on_error)

    def start_forward(self, message_id: MessageId) -> None:
        """A message for somebody else."""

        async def work() -> None:
            self._known = await self._accounts.list()
            self._begin(await self._composer.forward(message_id))

        self._dispatcher.start(work(), on_error=self._on_error)

    def find_drafts(self) -> None:
        """Look for what was being written; `drafts_found` answers."""

        async def work() -> None:
            self.drafts_found.emit(await self._composer.drafts())

        self._dispatcher.start(work())

    def resume(self, message: OutgoingMessage) -> None:
        """Go on with a draft."""

        async def work() -> None:
            self._known = await self._accounts.list()
            self._begin(message)

        self._dispatcher.start(work())

    def change(self, draft: Draft) -> list[str]:
        """Take the fields over; the addresses that cannot be one. The draft is kept a moment later."""
        if self._message is None or self._is_over or self._is_sending:
            return []
        to, bad_to = parse_addresses(draft.to)
        cc, bad_cc = parse_addresses(draft.cc)
        bcc, bad_bcc = parse_addresses(draft.bcc)
        changed = replace(
            self._message, to=tuple(to), cc=tuple(cc), bcc=tuple(bcc), subject=draft.subject.strip(), text=draft.text
        )
        if changed != self._message:
            self._message = changed
            self.saved.emit(False)
            self._autosave.start()
        return [*bad_to, *bad_cc, *bad_bcc]

    def choose_account(self, account_id: MailAccountId) -> None:
        """Send by another account. The Message-ID stays: it names the draft."""
        account = next((a for a in self._known if a.account_id == account_id), None)
        if self._message is not None and account is not None:
            sender = Address(account.display_name, account.address)
            self._message = replace(self._message, account_id=account_id, from_=sender)
            self.saved.emit(False)
            self._autosave.start()

    def problem(self) -> str:
        """Why it cannot be sent yet, "" when it can."""
        message = self._message
        if message is None:
            return "The message is not ready yet."
        if not (message.to or message.cc or message.bcc):
            return "Add a recipient."
        return ""

    def doubts(self) -> list[str]:
        """What a careful person would look at once more before sending."""
        message = self._message
        if message is None:
            return []
        found = []
        if not message.subject:
            found.append("It has no subject.")
        own_words = "\n".join(line for line in message.text.splitlines() if not line.startswith(">"))
        if _ATTACHMENT_WORDS.search(own_words):
            found.append("It speaks of an attachment and has none.")
        return found

    def keep(self) -> None:
        """Keep the draft for another day; `kept` says when it is safe."""
        self._autosave.stop()
        self.save(is_last=True)

    def save(self, *, is_last: bool = False) -> None:
        """Keep the draft now."""
        # While it is being queued its draft is kept already, and saving anew would interrupt that.
        if (message := self._message) is None or self._is_over or self._is_sending:
            return

        async def work() -> None:
            await self._composer.save_draft(message)
            if self._message == message:
                self.saved.emit(True)
            if is_last:
                self.kept.emit(message)

        self._dispatcher.start(work(), slot=("composer-save", message.message_id))

    def send(self) -> None:
        """Hand it to the outbox; the draft goes once it is safely there."""
        message = self._message
        if message is None or self._is_over or self._is_sending or self.problem():
            return
        self._autosave.stop()
        self._is_sending = True

        async def work() -> None:
            try:
                await self._composer.save_draft(message)
                # Queued and its draft gone, or neither.
                operation_id = await self._composer.send(message)
                self._is_over = True
            finally:
                self._is_sending = False
            self.sent.emit(str(operation_id))

        self._dispatcher.start(work(), slot=("composer-save", message.message_id), on_error=self._on_error)

    def discard(self) -> None:
        """Give the message up."""
        self._autosave.stop()
        self._is_over = True
        if self._message is not None:
            # In the slot of the saves: one that is under way must not bring the draft back.
            message_id = self._message.message_id
            self._dispatcher.start(self._composer.discard_draft(message_id), slot=("composer-save", message_id))

    def _on_error(self, error: BaseException, words: Words) -> bool:
        self.refused.emit(_words_of(error) or words.sentence)
        return True

    def _begin(self, message: OutgoingMessage) -> None:
        self._message = message
        self.ready.emit(message, list(self._known))


def _words_of(error: BaseException) -> str:
    if isinstance(error, ValidationFailed):
        return _REFUSALS.get(error.code, "")
    if isinstance(error, Offline | TransientError):
        return "The text of this mail is not on this computer and its server cannot be reached. Try again once you are online."
    return ""


def parse_addresses(text: str) -> tuple[list[Address], list[str]]:
    """A field of addresses, apart by commas or semicolons, into addresses and what cannot be one.

    Stricter than RFC 5322: what is typed is read as it stands or named as bad, never skipped and never guessed at, since a recipient who is
    silently lost is worse than a question. A line break is a space, so no header can be smuggled in.
    """
    found: list[Address] = []
    bad: list[str] = []
    for piece in _pieces(" ".join(text.split())):
        named = _NAMED.fullmatch(piece)
        name, address = (_unquoted(named["name"]), named["address"].strip()) if named else ("", piece)
        if _ADDRESS.match(address):
            found.append(Address(name, address))
        else:
            bad.append(piece)
    return found, bad


def join_addresses(addresses: tuple[Address, ...]) -> str:
    """Addresses as a person edits them; `parse_addresses` reads them back."""
    return ", ".join(f"{_quoted(a.name)} <{a.address}>" if a.name.strip() else a.address for a in addresses)


def _pieces(text: str) -> list[str]:
    pieces = [""]
    is_quoted = is_escaped = is_in_angles = False
    for character in text:
        if is_quoted:
            is_quoted = is_escaped or character != '"'
            is_escaped = not is_escaped and character == "\\"
        elif character in ",;" and not is_in_angles:
            pieces.append("")
            continue
        elif character == '"':
            is_quoted = True
        elif character in "<>":
            is_in_angles = character == "<"
        pieces[-1] += character
    return [stripped for piece in pieces if (stripped := piece.strip())]


def _unquoted(name: str) -> str:
    name = name.strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name


def _quoted(name: str) -> str:
    folded = " ".join(name.split())
    return '"' + re.sub(r'(["\\])', r"\\\1", folded) + '"' if _SPECIAL.search(folded) else folded
