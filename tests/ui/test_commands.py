"""Actions: their keys, their menus, what is offered."""

from __future__ import annotations

from collections import Counter

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from ui.command_palette import how_well
from ui.commands import COMMANDS, MENUS, Commands


def test_no_key_means_two_things() -> None:
    keys = Counter(QKeySequence(key).toString() for command in COMMANDS for key in command.keys + command.single)
    assert [key for key, number in keys.items() if number > 1] == []
    assert all(keys), "a key that Qt does not know"


def test_no_single_key_begins_another() -> None:
    # "g" alone would wait for a second key for ever, or never let "g i" come.
    singles = [key.split(", ") for command in COMMANDS for key in command.single]
    for first in singles:
        for second in singles:
            assert first == second or first != second[: len(first)]


def test_the_keyboard_map_of_the_product() -> None:
    keys = {key: command.command_id for command in COMMANDS for key in command.keys + command.single}
    assert {
        "J": "list.next",
        "K": "list.previous",
        "E": "message.archive",
        "#": "message.delete",
        "R": "message.reply",
        "A": "message.reply_all",
        "F": "message.forward",
        "C": "mail.write",
        "L": "crm.log",
        "T": "crm.task",
        "S": "message.flag",
        "U": "message.unread",
        "Z": "edit.undo",
        "/": "app.search",
        "G, I": "go.inbox",
        "G, S": "go.sent",
        "G, O": "go.outbox",
        "Ctrl+K": "view.palette",
        "F6": "view.next_pane",
        "Esc": "view.back",
    }.items() <= keys.items()


def test_every_command_has_its_place_and_words() -> None:
    assert len({command.command_id for command in COMMANDS}) == len(COMMANDS)
    assert {command.menu for command in COMMANDS} <= set(MENUS)
    assert all(command.text for command in COMMANDS)


def test_what_nobody_offers_is_in_no_menu() -> None:
    window = QMainWindow()
    commands = Commands(window)
    menu = QMenu()
    commands.fill(menu)
    assert not any(action.isVisible() for action in menu.actions())
    called: list[str] = []
    commands.bind("message.reply", lambda: called.append("reply"))
    shown = [action for action in menu.actions() if action.isVisible()]
    assert [action.text() for action in shown] == ["Message"]
    assert [command.command_id for command, _ in commands.offered()] == ["message.reply"]
    commands.action("message.reply").trigger()
    assert called == ["reply"]
    commands.enable(("message.reply",), on=False)
    assert commands.offered() == []


def test_a_checkable_action_gives_its_state() -> None:
    window = QMainWindow()
    commands = Commands(window)
    states: list[bool] = []
    commands.bind("view.panel", states.append)
    commands.action("view.panel").trigger()
    commands.action("view.panel").trigger()
    assert states == [True, False]


def test_the_palette_puts_what_begins_so_first() -> None:
    by_id = {command.command_id: command for command in COMMANDS}
    reply, previous, unread = (by_id[name] for name in ("message.reply", "list.previous", "message.unread"))
    fits = [how_well(["re"], command, command.text) for command in (reply, previous, unread)]
    assert fits == [0, 2, 0]
    assert how_well(["go", "sent"], by_id["go.sent"], "Sent") == 1
    assert how_well(["zz"], reply, reply.text) is None
    assert how_well([], previous, previous.text) == 0


def test_keys_in_words() -> None:
    commands = Commands(QMainWindow())
    assert commands.keys_in_words("message.reply") == "Ctrl+R or r"
    assert commands.keys_in_words("go.inbox") == "Ctrl+1 or g then i"
    commands.use_single_keys(on=False)
    assert commands.keys_in_words("message.reply") == "Ctrl+R"
    assert commands.keys_in_words("list.next") == ""
