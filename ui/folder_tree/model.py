"""The places of the left pane: the unified inbox, the outbox, and each account with its folders.

The only file of this feature that calls the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel

from app.events import AccountsChanged, EventBus, FoldersChanged, SyncProgressed
from app.mail.accounts import MailAccounts
from app.mail.reader import MailReader
from app.model.ids import FolderId, MailAccountId
from app.model.mail import Folder, FolderRole, MailAccount
from ui.dispatch import Dispatcher
from ui.text import count, one_line

PLACE_ROLE = int(Qt.ItemDataRole.UserRole)
"""The model's role for a `Place`; None for the rule between the two parts of the list."""
COUNT_ROLE = int(Qt.ItemDataRole.UserRole) + 1
"""The model's role for the number at the right edge, "" for none."""

REFRESH_MS = 200

_FIRST = [
    FolderRole.INBOX,
    FolderRole.FLAGGED,
    FolderRole.DRAFTS,
    FolderRole.SENT,
    FolderRole.ARCHIVE,
    FolderRole.ALL,
    FolderRole.JUNK,
    FolderRole.TRASH,
]


class PlaceKind(StrEnum):
    """What can be chosen in the left pane."""

    UNIFIED_INBOX = "inbox"
    OUTBOX = "outbox"
    ACCOUNT = "account"
    FOLDER = "folder"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the pane. ``folder_id`` and ``account_id`` where they apply; ``role`` chooses the picture."""

    kind: PlaceKind
    name: str
    role: FolderRole = FolderRole.NONE
    folder_id: FolderId | None = None
    account_id: MailAccountId | None = None
    unread: int = 0
    is_selectable: bool = True

    @property
    def key(self) -> str:
        """A name that stays the same over restarts, to remember what was open."""
        return f"{self.kind}:{self.folder_id if self.folder_id is not None else self.account_id or ''}"


class FolderTreeModel(QStandardItemModel):
    """Rebuilt when accounts or folders come and go, changed in place when only numbers do.

    ``about_to_rebuild`` and ``rebuilt`` surround a rebuilding. ``listed(has_account)`` follows each reading. ``progressed(words, share)`` tells of
    a first sync (share 0 to 1, or -1 while unknown; "" when nothing runs).
    """

    about_to_rebuild = Signal()
    rebuilt = Signal()
    listed = Signal(bool)
    progressed = Signal(str, float)

    def __init__(
        self,
        reader: MailReader,
        accounts: MailAccounts,
        bus: EventBus,
        dispatcher: Dispatcher,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._outbox = ("", 0)
        self._shape: tuple[tuple[str, str], ...] = ()
        self._is_new = False
        self._running: dict[FolderId, tuple[int, int | None]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self._unsubscribe = [
            bus.subscribe(AccountsChanged, lambda _event: self._soon()),
            bus.subscribe(FoldersChanged, lambda _event: self._soon()),
            bus.subscribe(SyncProgressed, self._on_sync_progressed),
        ]

    @property
    def is_new(self) -> bool:
        """Whether an inbox was never looked into yet."""
        return self._is_new

    def refresh(self) -> None:
        """Read accounts and folders anew."""
        self._timer.stop()
        self._dispatcher.start(self._read(), slot=(self, "read"))

    def set_outbox(self, text: str) -> None:
        """What stands beside "Outbox": a number in words, "" for none."""
        self._outbox = (text, 0)
        for item in self.items():
            place = item.data(PLACE_ROLE)
            if isinstance(place, Place) and place.kind is PlaceKind.OUTBOX:
                item.setData(text, COUNT_ROLE)

    def items(self) -> list[QStandardItem]:
        """Every line, depth first."""
        found: list[QStandardItem] = []
        waiting = [self.item(row) for row in range(self.rowCount())]
        while waiting:
            item = waiting.pop(0)
            found.append(item)
            waiting = [item.child(row) for row in range(item.rowCount())] + waiting
        return found

    def item_of(self, key: str) -> QStandardItem | None:
        """The line of a `Place.key`."""
        return next((i for i in self.items() if isinstance(p := i.data(PLACE_ROLE), Place) and p.key == key), None)

    def close(self) -> None:
        """Hear no more events."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._timer.stop()

    async def _read(self) -> None:
        accounts = await self._accounts.list()
        folders = await self._reader.folders()
        self._is_new = any(f.server_total is None for f in folders if f.role is FolderRole.INBOX)
        places = arrange(accounts, folders)
        shape = tuple((place.key, place.name) for _, place in places)
        if shape == self._shape:
            for item, (_, place) in zip(self.items(), places, strict=True):
                self._fill(item, place)
        else:
            self._shape = shape
            self.about_to_rebuild.emit()
            self.clear()
            parents: list[QStandardItem] = []
            for depth, place in places:
                item = QStandardItem()
                item.setEditable(False)
                self._fill(item, place)
                del parents[depth:]
                (parents[-1] if parents else self.invisibleRootItem()).appendRow(item)
                parents.append(item)
            self.set_outbox(self._outbox[0])
            self.rebuilt.emit()
        self.listed.emit(bool(accounts))

    def _fill(self, item: QStandardItem, place: Place) -> None:
        item.setText(place.name)
        item.setData(place, PLACE_ROLE)
        if place.kind is not PlaceKind.OUTBOX:
            item.setData(count(place.unread) if place.unread else "", COUNT_ROLE)
        unread = f", {count(place.unread)} unread" if place.unread else ""
        item.setAccessibleText(f"{place.name}{unread}")
        flags = Qt.ItemFlag.ItemIsEnabled
        if place.is_selectable:
            flags |= Qt.ItemFlag.ItemIsSelectable
        if place.kind is PlaceKind.FOLDER:
            flags |= Qt.ItemFlag.ItemIsDropEnabled
        item.setFlags(flags)

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_sync_progressed(self, event: SyncProgressed) -> None:
        if event.is_finished:
            self._running.pop(event.folder_id, None)
            self._soon()
        else:
            self._running[event.folder_id] = (event.done, event.total)
        if not self._running:
            self.progressed.emit("", -1.0)
            return
        done = sum(d for d, _ in self._running.values())
        totals = [t for _, t in self._running.values()]
        if any(t is None for t in totals):
            self.progressed.emit(f"Bringing mail: {count(done)}", -1.0)
            return
        total = sum(t for t in totals if t is not None)
        self.progressed.emit(f"Bringing mail: {count(done)} of {count(total)}", done / total if total else -1.0)


def arrange(accounts: list[MailAccount], folders: list[Folder]) -> list[tuple[int, Place]]:
    """The lines of the pane with their depth: the places for all accounts, then each account with its folders as a tree."""
    unread = sum(f.unread for f in folders if f.role is FolderRole.INBOX)
    lines = [
        (0, Place(PlaceKind.UNIFIED_INBOX, "Inbox", FolderRole.INBOX, unread=unread)),
        (0, Place(PlaceKind.OUTBOX, "Outbox")),
    ]
    for account in accounts:
        lines.append((0, Place(PlaceKind.RULE, "", is_selectable=False, account_id=account.account_id)))
        lines.append(
            (
                0,
                Place(
                    PlaceKind.ACCOUNT,
                    one_line(account.address, 200),
                    account_id=account.account_id,
                    is_selectable=False,
                ),
            )
        )
        own = [f for f in folders if f.account_id == account.account_id]
        if len(accounts) == 1:
            # The inbox for all accounts is this one.
            own = [f for f in own if f.role is not FolderRole.INBOX]
        lines += [(1 + depth, place) for depth, place in _tree(own)]
    return lines


def _tree(folders: list[Folder]) -> list[tuple[int, Place]]:
    by_path = {folder.path: folder for folder in folders}
    children: dict[str, list[Folder]] = {}
    for folder in folders:
        parent = folder.path.rpartition(folder.delimiter)[0] if folder.delimiter else ""
        while parent and parent not in by_path:
            parent = parent.rpartition(folder.delimiter)[0]
        children.setdefault(parent, []).append(folder)

    def rank(folder: Folder) -> tuple[int, str]:
        return (_FIRST.index(folder.role) if folder.role in _FIRST else len(_FIRST), folder.name.casefold())

    lines: list[tuple[int, Place]] = []
    waiting = [(0, folder) for folder in sorted(children.get("", []), key=rank)]
    while waiting:
        depth, folder = waiting.pop(0)
        place = Place(
            PlaceKind.FOLDER,
            "Inbox" if folder.role is FolderRole.INBOX else one_line(folder.name, 200),
            folder.role,
            folder.folder_id,
            folder.account_id,
            # What is in Trash, Junk or Sent is nobody's unread work.
            folder.unread if folder.role in (FolderRole.INBOX, FolderRole.NONE, FolderRole.ARCHIVE) else 0,
            folder.is_selectable,
        )
        lines.append((depth, place))
        waiting = [(depth + 1, child) for child in sorted(children.get(folder.path, []), key=rank)] + waiting
    return lines
