"""How folders are arranged, and that what was chosen stays."""

from __future__ import annotations

from dataclasses import replace

from app.bootstrap import Core
from app.model.ids import FolderId, MailAccountId
from app.model.mail import ConnectionSecurity, Folder, FolderRole, MailAccount, MailServer
from app.store import folders as folder_store
from app.store.folders import FolderSeen
from tests.ui.desk import open_desk
from tests.ui.sample_mail import FOLDERS, Letter, add_account, folder_of, store
from tests.ui.waiting import until
from ui.folder_tree.model import PLACE_ROLE, Place, PlaceKind, arrange

SERVER = MailServer("imap.example", 993, ConnectionSecurity.TLS, "rita")


def _account(number: int) -> MailAccount:
    return MailAccount(MailAccountId(number), f"rita{number}@globex.example", "Rita", SERVER, SERVER)


def _folder(number: int, path: str, role: FolderRole = FolderRole.NONE, *, unread: int = 0, account: int = 1) -> Folder:
    return Folder(
        FolderId(number), MailAccountId(account), path, path.rpartition("/")[2], "/", role, is_selectable=True,
        unread=unread, total=10,
    )  # fmt: skip


def _lines(*folders: Folder, accounts: int = 1) -> list[tuple[int, str]]:
    found = arrange([_account(n + 1) for n in range(accounts)], list(folders))
    return [(depth, place.name) for depth, place in found if place.kind is not PlaceKind.RULE]


def test_special_folders_come_first_then_the_rest_by_name() -> None:
    lines = _lines(
        _folder(1, "Zebra"),
        _folder(2, "Trash", FolderRole.TRASH),
        _folder(3, "INBOX", FolderRole.INBOX),
        _folder(4, "archive", FolderRole.ARCHIVE),
        _folder(5, "Alpha"),
        _folder(6, "Sent", FolderRole.SENT),
    )
    assert lines == [
        (0, "Inbox"), (0, "Outbox"), (0, "rita1@globex.example"),
        (1, "Sent"), (1, "archive"), (1, "Trash"), (1, "Alpha"), (1, "Zebra"),
    ]  # fmt: skip


def test_folders_make_a_tree_even_where_a_parent_is_missing() -> None:
    lines = _lines(_folder(1, "A"), _folder(2, "A/B"), _folder(3, "A/B/C"), _folder(4, "X/Y/Z"))
    assert lines[3:] == [(1, "A"), (2, "B"), (3, "C"), (1, "Z")]


def test_with_several_accounts_each_has_its_inbox() -> None:
    lines = _lines(
        _folder(1, "INBOX", FolderRole.INBOX, unread=2),
        _folder(2, "INBOX", FolderRole.INBOX, unread=3, account=2),
        accounts=2,
    )
    assert [name for _, name in lines].count("Inbox") == 3
    inboxes = [
        _folder(1, "INBOX", FolderRole.INBOX, unread=2),
        _folder(2, "INBOX", FolderRole.INBOX, unread=3, account=2),
    ]
    places = {place.key: place for _, place in arrange([_account(1), _account(2)], inboxes)}
    assert places["inbox:"].unread == 5


def test_what_is_in_trash_is_nobodys_work() -> None:
    found = arrange([_account(1)], [_folder(1, "Trash", FolderRole.TRASH, unread=9), _folder(2, "Customers", unread=4)])
    unread = {place.name: place.unread for _, place in found}
    assert (unread["Trash"], unread["Customers"]) == (0, 4)


def test_a_strange_name_stays_on_its_line() -> None:
    folder = replace(_folder(1, "x"), name="evil\n\u202ename" + "w" * 5000)
    name = _lines(folder)[3][1]
    assert "\n" not in name
    assert "\u202e" not in name
    assert len(name) <= 200


async def test_counts_change_in_place_and_the_choice_stays(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        model = desk.models.folders
        rebuilt: list[bool] = []
        model.rebuilt.connect(lambda: rebuilt.append(True))
        desk.mail.folders.choose_role(FolderRole.SENT)
        sent = desk.mail.folders.key
        await store(core, desk.account, [Letter(("Mia", "m@a.example"), "New", "x", flags=frozenset())], is_new=True)
        inbox = model.item_of("inbox:")
        assert inbox is not None
        await until(lambda: inbox.data(PLACE_ROLE).unread == 6)
        assert rebuilt == []
        assert desk.mail.folders.key == sent


async def test_a_new_folder_rebuilds_the_tree_and_the_choice_stays(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.mail.folders.choose_role(FolderRole.SENT)
        await until(lambda: desk.models.messages.total == 1)
        chosen: list[Place] = []
        desk.mail.folders.place_chosen.connect(chosen.append)
        more = [*FOLDERS, FolderSeen("Projects", "/", FolderRole.NONE, True)]
        await core.database.write(
            "list", lambda tx: folder_store.reconcile(tx, desk.account, more, now=core.clock.wall())
        )
        await until(lambda: any(i.data(PLACE_ROLE).name == "Projects" for i in desk.models.folders.items()))
        assert desk.mail.folders.key == f"folder:{await folder_of(core, desk.account, 'Sent')}"
        assert chosen == []
        current = desk.mail.folders.tree.currentIndex().data(PLACE_ROLE)
        assert current.role is FolderRole.SENT


async def test_a_second_account_appears_at_once(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await add_account(core, "other@globex.example")
        await until(lambda: sum(i.data(PLACE_ROLE).kind is PlaceKind.ACCOUNT for i in desk.models.folders.items()) == 2)


async def test_the_place_is_remembered_over_a_restart(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.mail.folders.choose_role(FolderRole.SENT)
        await until(lambda: desk.models.messages.total == 1)
        settings = desk.window._settings
    assert settings.value("place") == f"folder:{await folder_of(core, desk.account, 'Sent')}"
