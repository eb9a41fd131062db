"""The window in which a message is written: plain text, addresses, and nothing in the way. Ctrl+Enter sends, Escape keeps the draft and closes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.model.ids import MailAccountId
from app.model.mail import MailAccount, OutgoingMessage
from ui.composer.model import ComposerModel, Draft, join_addresses, parse_addresses
from ui.icons import Icon
from ui.text import one_line
from ui.theme import Space, set_role
from ui.widgets.bars import Choice, Strip
from ui.widgets.choice import ChoiceBox


class ComposerWindow(QWidget):
    """One message. It asks in place, never by a dialog, when something looks forgotten."""

    closed = Signal()
    sent = Signal(str)

    def __init__(self, model: ComposerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._model = model
        self.setWindowTitle("New message")
        self.resize(720, 620)
        self._is_filling = True
        self._keeps_draft = True
        self._bad: list[str] = []
        self._doubts_asked: list[str] = []
        self._build()
        model.ready.connect(self._on_model_ready)
        model.saved.connect(self._on_model_saved)
        model.sent.connect(self._on_model_sent)
        model.refused.connect(self._on_model_refused)
        self._enable(on=False)
        for keys, slot in (
            ("Ctrl+Return", self._send),
            ("Ctrl+Enter", self._send),
            ("Ctrl+S", lambda: model.save()),
            ("Escape", self._leave),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.activated.connect(slot)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep what was written."""
        if self._keeps_draft and self._model.message is not None and self.text.document().isModified():
            self._model.keep()
        self.closed.emit()
        super().closeEvent(event)

    @property
    def message_id(self) -> str:
        """The Message-ID of what is written here, "" before it is ready."""
        return self._model.message.message_id if self._model.message else ""

    def _enable(self, *, on: bool) -> None:
        for part in (self.account, self.to, self.cc, self.bcc, self.subject, self.text, self.send_button):
            part.setEnabled(on)

    def _build(self) -> None:
        self.account = ChoiceBox()
        self.account.setAccessibleName("From")
        self.account.activated.connect(
            lambda i: self._model.choose_account(MailAccountId(int(self.account.itemData(i))))
        )
        self.to, self.cc, self.bcc, self.subject = (QLineEdit() for _ in range(4))
        self.text = QPlainTextEdit()
        self.text.setAccessibleName("Message")
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setTabChangesFocus(True)
        set_role(self.text, "reading")
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.M)
        grid.setVerticalSpacing(Space.S)
        self._more = QToolButton()
        self._more.setText("Cc Bcc")
        self._more.setAccessibleName("Show Cc and Bcc")
        set_role(self._more, "quiet")
        self._more.clicked.connect(lambda: self._show_copies(shown=True))
        self._captions: dict[str, QLabel] = {}
        rows: tuple[tuple[str, QWidget], ...] = (
            ("From", self.account),
            ("To", self.to),
            ("Cc", self.cc),
            ("Bcc", self.bcc),
            ("Subject", self.subject),
        )
        for row, (label, field) in enumerate(rows):
            caption = QLabel(label)
            set_role(caption, "muted")
            caption.setBuddy(field)
            field.setAccessibleName(label)
            grid.addWidget(caption, row, 0)
            grid.addWidget(field, row, 1)
            self._captions[label] = caption
        grid.addWidget(self._more, 1, 2)
        grid.setColumnStretch(1, 1)
        self._strip = Strip(can_close=True)
        self._strip.hide()
        self.send_button = QPushButton("Send")
        self.send_button.setToolTip("Send (Ctrl+Enter)")
        set_role(self.send_button, "primary")
        self.send_button.clicked.connect(self._send)
        discard = QPushButton("Discard")
        set_role(discard, "quiet")
        discard.clicked.connect(self._ask_discard)
        self._saved = QLabel()
        set_role(self._saved, "small")
        buttons = QHBoxLayout()
        buttons.addWidget(self.send_button)
        buttons.addWidget(self._saved)
        buttons.addStretch(1)
        buttons.addWidget(discard)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.M)
        column.setSpacing(Space.M)
        column.addLayout(grid)
        column.addWidget(self.text, 1)
        column.addWidget(self._strip)
        column.addLayout(buttons)
        for field in (self.to, self.cc, self.bcc, self.subject):
            field.textChanged.connect(self._on_changed)
        self.text.textChanged.connect(self._on_changed)
        self._show_copies(shown=False)

    def _show_copies(self, *, shown: bool) -> None:
        for label, field in (("Cc", self.cc), ("Bcc", self.bcc)):
            field.setVisible(shown)
            self._captions[label].setVisible(shown)
        self._more.setVisible(not shown)
        if shown and not self._is_filling:
            self.cc.setFocus()

    def _on_model_ready(self, message: OutgoingMessage, accounts: list[MailAccount]) -> None:
        self._is_filling = True
        self._enable(on=True)
        self.account.clear()
        for account in accounts:
            shown = f"{account.display_name} <{account.address}>" if account.display_name else account.address
            self.account.addItem(shown, int(account.account_id))
        self.account.setCurrentIndex(max(0, self.account.findData(int(message.account_id))))
        self.to.setText(join_addresses(message.to))
        self.cc.setText(join_addresses(message.cc))
        self.bcc.setText(join_addresses(message.bcc))
        self.subject.setText(message.subject)
        self.text.setPlainText(message.text)
        self.text.document().setModified(False)
        self._show_copies(shown=bool(message.cc or message.bcc))
        self.setWindowTitle(message.subject or "New message")
        self._is_filling = False
        is_answer = bool(message.to)
        (self.text if is_answer else self.to).setFocus()
        self.text.moveCursor(self.text.textCursor().MoveOperation.Start)

    def _on_changed(self) -> None:
        if self._is_filling:
            return
        self.text.document().setModified(True)
        for field in (self.to, self.cc, self.bcc):
            set_role(field, "")
        draft = Draft(self.to.text(), self.cc.text(), self.bcc.text(), self.subject.text(), self.text.toPlainText())
        self._bad = self._model.change(draft)
        self.setWindowTitle(self.subject.text().strip() or "New message")

    def _on_model_saved(self, is_saved: bool) -> None:
        self._saved.setText("Draft kept on this computer" if is_saved else "")

    def _on_model_sent(self, operation_id: str) -> None:
        self._keeps_draft = False
        self.sent.emit(operation_id)
        self.close()

    def _on_model_refused(self, text: str) -> None:
        self._enable(on=self._model.message is not None)
        self._strip.say(text, symbol=Icon.FAILED, tone="danger")

    def _send(self) -> None:
        if not self.send_button.isEnabled():
            return
        self._on_changed()
        if self._bad:
            self._refuse(f"This is not an address: {one_line(self._bad[0], 120)}", self._field_of(self._bad[0]))
        elif problem := self._model.problem():
            self._refuse(problem, self.to)
        elif (doubts := self._model.doubts()) and doubts != self._doubts_asked:
            self._doubts_asked = doubts
            self._strip.say(
                " ".join(doubts),
                symbol=Icon.WARNING,
                choices=(Choice("Send anyway", self._send_now, "primary"),),
                tone="warning",
            )
        else:
            self._send_now()

    def _send_now(self) -> None:
        self._strip.hide()
        self._enable(on=False)
        self._model.send()

    def _refuse(self, text: str, field: QLineEdit) -> None:
        self._strip.say(text, symbol=Icon.FAILED, tone="danger")
        if field.isHidden():
            self._show_copies(shown=True)
        set_role(field, "invalid")
        field.setFocus()

    def _field_of(self, bad: str) -> QLineEdit:
        return next(
            (field for field in (self.to, self.cc, self.bcc) if bad in parse_addresses(field.text())[1]), self.to
        )

    def _leave(self) -> None:
        if self._strip.isVisible():
            self._strip.hide()
        else:
            self.close()

    def _ask_discard(self) -> None:
        if not self.text.document().isModified():
            self._give_up()
            return
        self._strip.say(
            "What you wrote is removed from this computer.",
            choices=(Choice("Discard message", self._give_up, "danger"), Choice("Keep", self._strip.hide)),
            symbol=Icon.WARNING,
            tone="warning",
        )

    def _give_up(self) -> None:
        self._keeps_draft = False
        self._model.discard()
        self.close()
