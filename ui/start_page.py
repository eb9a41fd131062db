"""What the window shows until a profile is open: that it opens, or why it cannot, in words and with what can be done."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.errors import (
    DatabaseKeyMissing,
    DatabaseUnreadable,
    SecretStoreUnavailable,
)
from ui.icons import Icon
from ui.text import Words, words_for
from ui.theme import Space, set_role
from ui.widgets.bars import IconLabel, announce


class StartAnswer(StrEnum):
    """What the person chose."""

    TRY_AGAIN = "try_again"
    UNLOCK_VAULT = "unlock_vault"
    MAKE_VAULT = "make_vault"
    START_OVER = "start_over"
    DEMO = "demo"
    QUIT = "quit"


LEAST_PASSPHRASE = 12
"""Characters of a new passphrase: the vault can be tried offline by whoever has the file."""

OPENING = Words("Opening your mail…", "", "", needs_person=False)
UNLOCK = Words(
    "Your secrets are in a vault.",
    "Enter its passphrase to open your mail. Nobody can restore a lost passphrase; your mail stays on its server.",
)


class StartPage(QFrame):
    """``answered(StartAnswer, passphrase)``; the passphrase is "" unless a vault is opened or made."""

    answered = Signal(StartAnswer, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "surface")
        self._icon = IconLabel(Icon.MAIL, side=40)
        self.title = _label("title")
        self.meaning = _label("")
        self.remedy = _label("muted")
        self.problem = _label("danger")
        self.passphrase = _secret("Passphrase")
        self.again = _secret("The same passphrase again")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(Space.S)
        column = QVBoxLayout()
        column.setSpacing(Space.M)
        column.addWidget(self._icon)
        for widget in (self.title, self.meaning, self.remedy, self.passphrase, self.again, self.problem):
            column.addWidget(widget)
        column.addSpacing(Space.S)
        column.addLayout(self._buttons)
        holder = QWidget()
        holder.setLayout(column)
        holder.setMaximumWidth(560)
        holder.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(holder, 10)
        row.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        outer.addStretch(2)
        outer.addLayout(row)
        outer.addStretch(3)
        self.passphrase.returnPressed.connect(self._on_return_pressed)
        self.again.returnPressed.connect(self._on_return_pressed)
        self._primary: QPushButton | None = None
        self._makes_vault = False
        self._asks_start_over = False
        self._where = ""
        self.show_opening()

    def show_opening(self) -> None:
        """The profile is being opened."""
        self._say(Icon.MAIL, OPENING, [])

    def show_unlock(self, problem: str = "") -> None:
        """Ask for the passphrase of the vault that is there."""
        self._say(
            Icon.KEY,
            UNLOCK,
            [("Open", StartAnswer.UNLOCK_VAULT, "primary"), ("Quit", StartAnswer.QUIT, "quiet")],
            asks=True,
        )
        self._set_problem(problem)
        self.passphrase.setFocus()

    def show_make_vault(self) -> None:
        """Ask for the passphrase of a new vault."""
        self._say(
            Icon.KEY,
            Words(
                "Choose a passphrase.",
                "It seals a file on this computer in which the key of your mail and your passwords are kept.",
                f"Take at least {LEAST_PASSPHRASE} characters; several words are easy to remember. Nobody can restore a lost passphrase.",
            ),
            [("Make the vault", StartAnswer.MAKE_VAULT, "primary"), ("Back", StartAnswer.TRY_AGAIN, "quiet")],
            asks=True,
            twice=True,
        )
        self.passphrase.setFocus()

    def show_error(self, error: Exception, *, where: str = "", can_make_vault: bool = False) -> None:
        """Say why the profile cannot be opened. ``where`` is the file concerned; a vault can be made for a new profile only."""
        self._where = where
        words = words_for(error)
        choices = [("Try again", StartAnswer.TRY_AGAIN, "primary")]
        symbol = Icon.WARNING
        if isinstance(error, SecretStoreUnavailable):
            symbol = Icon.KEY
            if can_make_vault:
                choices.append(("Use a passphrase vault", StartAnswer.MAKE_VAULT, ""))
        elif isinstance(error, DatabaseKeyMissing) or (
            isinstance(error, DatabaseUnreadable) and error.kind != "not_encrypted"
        ):
            choices.append(("Set aside and start anew…", StartAnswer.START_OVER, ""))
        choices.append(("Quit", StartAnswer.QUIT, "quiet"))
        self._say(symbol, words, choices)
        if where and not isinstance(error, SecretStoreUnavailable):
            self.remedy.setText(f"{words.remedy}\n\n{where}".strip())
            self.remedy.show()

    def refuse(self, problem: str) -> None:
        """Say why the passphrase was not taken; it is asked for again."""
        self._set_busy(False)
        self._set_problem(problem)
        self.passphrase.selectAll()
        self.passphrase.setFocus()

    def _show_start_over(self) -> None:
        self._asks_start_over = True
        self._say(
            Icon.WARNING,
            Words(
                "Set this database aside?",
                "The file is kept under another name beside it. A new, empty one takes its place, and mail is brought from the server again. "
                "What waited to be sent in the old file is not sent.",
                self._where,
            ),
            [
                ("Set aside and start anew", StartAnswer.START_OVER, "danger"),
                ("Back", StartAnswer.TRY_AGAIN, "primary"),
            ],
        )

    def _say(
        self,
        symbol: Icon,
        words: Words,
        choices: list[tuple[str, StartAnswer, str]],
        *,
        asks: bool = False,
        twice: bool = False,
    ) -> None:
        self._icon.set_icon(symbol, "muted")
        self.title.setText(words.title)
        self.meaning.setText(words.meaning)
        self.meaning.setVisible(bool(words.meaning))
        self.remedy.setText(words.remedy)
        self.remedy.setVisible(bool(words.remedy))
        self._makes_vault = twice
        self._set_busy(False)
        for field, is_shown in ((self.passphrase, asks), (self.again, twice)):
            field.clear()
            field.setVisible(is_shown)
        self._set_problem("")
        while (item := self._buttons.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._primary = None
        for text, answer, role in choices:
            button = QPushButton(text)
            set_role(button, role)
            button.clicked.connect(lambda _checked=False, answer=answer: self._answer(answer))
            self._buttons.addWidget(button)
            if role == "primary":
                self._primary = button
        self._buttons.addStretch(1)
        if self._primary is not None:
            self._primary.setFocus()
        self.setAccessibleName(words.sentence)
        announce(self, words.sentence)

    def button(self, text: str) -> QPushButton | None:
        """The button of that text, while it is shown."""
        found = (self._buttons.itemAt(i) for i in range(self._buttons.count()))
        widgets = (item.widget() for item in found if item is not None)
        return next((w for w in widgets if isinstance(w, QPushButton) and w.text() == text), None)

    def _answer(self, answer: StartAnswer) -> None:
        passphrase = self.passphrase.text() if self.passphrase.isVisible() else ""
        if answer is StartAnswer.MAKE_VAULT and self._makes_vault:
            if len(passphrase) < LEAST_PASSPHRASE:
                self._set_problem(f"Take at least {LEAST_PASSPHRASE} characters.")
                return
            if passphrase != self.again.text():
                self._set_problem("The two passphrases differ.")
                return
        if answer is StartAnswer.UNLOCK_VAULT and not passphrase:
            self._set_problem("Enter the passphrase.")
            return
        if answer is StartAnswer.MAKE_VAULT and not self._makes_vault:
            self.show_make_vault()
            return
        if answer is StartAnswer.START_OVER and not self._asks_start_over:
            self._show_start_over()
            return
        self._asks_start_over = False
        # Trying a passphrase takes its time on purpose; a second answer meanwhile would be lost.
        self._set_busy(True)
        self.answered.emit(answer, passphrase)

    def _set_busy(self, busy: bool) -> None:
        for widget in (self.passphrase, self.again):
            widget.setEnabled(not busy)
        for number in range(self._buttons.count()):
            item = self._buttons.itemAt(number)
            widget_of = item.widget() if item is not None else None
            if widget_of is not None:
                widget_of.setEnabled(not busy)

    def _set_problem(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        announce(self, text)

    def _on_return_pressed(self) -> None:
        if self._primary is not None:
            self._primary.click()


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setMinimumWidth(0)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        set_role(label, role)
    return label


def _secret(words: str) -> QLineEdit:
    field = QLineEdit()
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setPlaceholderText(words)
    field.setAccessibleName(words)
    field.setMaximumWidth(360)
    field.hide()
    return field
