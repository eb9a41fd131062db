"""The forms that add a mail account or a Salesforce login, and ask for another password."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.model.mail import MailAccount
from ui.accounts.model import IMAPS_PORT, SUBMISSIONS_PORT, MailForm, guess_servers, login_url_of
from ui.theme import Space, set_role
from ui.widgets.bars import announce
from ui.widgets.choice import CheckBox, ChoiceBox, NumberBox


class AccountForm(QFrame):
    """A card with a heading, a line on what will happen, a grid of fields, and two buttons."""

    def __init__(self, heading: str, explanation: str, action: str) -> None:
        super().__init__()
        set_role(self, "card")
        self.setAccessibleName(heading)
        self.first: QWidget = self
        """What takes the keyboard when the form opens."""
        self.after_refusal: QWidget = self
        """What takes it when a server refused what was filled in."""
        self.title = QLabel(heading)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        set_role(self.title, "heading")
        text = QLabel(explanation)
        text.setWordWrap(True)
        set_role(text, "muted")
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        set_role(self.problem, "danger")
        self.problem.hide()
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(Space.M)
        self.grid.setVerticalSpacing(Space.S)
        self.grid.setColumnStretch(1, 1)
        self.action = QPushButton(action)
        set_role(self.action, "primary")
        cancel = QPushButton("Cancel")
        set_role(cancel, "quiet")
        cancel.clicked.connect(self.hide)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.action)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        column.setSpacing(Space.M)
        for part in (self.title, text):
            column.addWidget(part)
        column.addLayout(self.grid)
        column.addWidget(self.problem)
        column.addLayout(buttons)

    def add_field(self, label: str, field: QWidget, beside: QWidget | None = None, more: QWidget | None = None) -> None:
        """One labelled row of the grid."""
        row = self.grid.rowCount()
        caption = QLabel(label)
        set_role(caption, "muted")
        caption.setBuddy(field)
        field.setAccessibleName(label)
        self.grid.addWidget(caption, row, 0)
        self.grid.addWidget(field, row, 1)
        for column, widget in ((2, beside), (3, more)):
            if widget is not None:
                self.grid.addWidget(widget, row, column)

    def refuse(self, text: str, field: QWidget) -> None:
        """Say what is missing or was refused, and go to its field."""
        self.problem.setText(text)
        self.problem.show()
        announce(self, text)
        field.setFocus()
        if isinstance(field, QLineEdit):
            field.selectAll()

    def begin(self) -> None:
        """Be ready to be filled in."""
        self.problem.hide()
        self.first.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        """Forget passwords with the form; what else was typed may stay."""
        super().hideEvent(event)
        if self.isHidden():
            for field in self.findChildren(QLineEdit):
                if field.echoMode() is QLineEdit.EchoMode.Password:
                    field.clear()


class MailAccountForm(AccountForm):
    """IMAP and SMTP by user and password; host names are guessed from the address and can be changed."""

    submitted = Signal(object, str)

    def __init__(self) -> None:
        super().__init__(
            "Mail account",
            "Outrigger signs in at both servers before it keeps anything. The password is kept by the keychain of this computer.",
            "Add account",
        )
        self.address, self.name, self.user = QLineEdit(), QLineEdit(), QLineEdit()
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.imap_host, self.smtp_host = QLineEdit(), QLineEdit()
        self.imap_port, self.smtp_port = _port(IMAPS_PORT), _port(SUBMISSIONS_PORT)
        self.imap_starttls, self.smtp_starttls = CheckBox("STARTTLS"), CheckBox("STARTTLS")
        self.add_field("Address", self.address)
        self.add_field("Your name", self.name)
        self.add_field("Password", self.password)
        self.add_field("Incoming (IMAP)", self.imap_host, self.imap_port, self.imap_starttls)
        self.add_field("Outgoing (SMTP)", self.smtp_host, self.smtp_port, self.smtp_starttls)
        self.add_field("User name", self.user)
        self.imap_port.setAccessibleName("IMAP port")
        self.smtp_port.setAccessibleName("SMTP port")
        self.first, self.after_refusal = self.address, self.password
        self.address.setPlaceholderText("you@company.com")
        self.address.editingFinished.connect(self._guess)
        self.imap_starttls.toggled.connect(lambda on: self.imap_port.setValue(143 if on else IMAPS_PORT))
        self.smtp_starttls.toggled.connect(lambda on: self.smtp_port.setValue(587 if on else SUBMISSIONS_PORT))
        self.action.clicked.connect(self._submit)
        self.password.returnPressed.connect(self._submit)

    def _guess(self) -> None:
        imap, smtp = guess_servers(self.address.text())
        for field, value in ((self.imap_host, imap), (self.smtp_host, smtp), (self.user, self.address.text().strip())):
            if value and not field.text():
                field.setText(value)

    def _submit(self) -> None:
        self._guess()
        self.problem.hide()
        required = (
            (self.address, "Type the address."),
            (self.password, "Type the password."),
            (self.imap_host, "Type the name of the incoming server."),
            (self.smtp_host, "Type the name of the outgoing server."),
        )
        for field, words in required:
            if not field.text().strip():
                self.refuse(words, field)
                return
        form = MailForm(
            address=self.address.text().strip(),
            name=self.name.text().strip(),
            imap_host=self.imap_host.text(),
            imap_port=self.imap_port.value(),
            imap_starttls=self.imap_starttls.isChecked(),
            smtp_host=self.smtp_host.text(),
            smtp_port=self.smtp_port.value(),
            smtp_starttls=self.smtp_starttls.isChecked(),
            user=self.user.text(),
        )
        self.submitted.emit(form, self.password.text())


class SalesforceForm(AccountForm):
    """Production, sandbox, My Domain or Experience Cloud, and the consumer key of the org's own app."""

    submitted = Signal(str, str)

    def __init__(self) -> None:
        super().__init__(
            "Salesforce",
            "Your browser opens and you sign in there as always; Outrigger never sees your password. "
            "It asks for: who you are (id), the data you may see (api), and staying signed in (refresh_token).",
            "Open the browser",
        )
        self.kind = ChoiceBox()
        for text, key in (
            ("Production", "production"),
            ("Sandbox", "sandbox"),
            ("My Domain or Experience Cloud…", "custom"),
        ):
            self.kind.addItem(text, key)
        self.host = QLineEdit()
        self.host.setPlaceholderText("acme.my.salesforce.com")
        self.host.hide()
        self.client_id = QLineEdit()
        self.client_id.setPlaceholderText("from your administrator")
        self.add_field("Sign in at", self.kind)
        self.add_field("Address", self.host)
        self.add_field("Consumer key", self.client_id)
        self._host_caption = self.grid.itemAtPosition(self.grid.rowCount() - 2, 0)
        self.first = self.after_refusal = self.client_id
        self.kind.currentIndexChanged.connect(lambda _i: self._show_host())
        self._show_host()
        self.action.clicked.connect(self._submit)
        self.client_id.returnPressed.connect(self._submit)

    def _show_host(self) -> None:
        is_custom = self.kind.currentData() == "custom"
        self.host.setVisible(is_custom)
        if self._host_caption is not None and (caption := self._host_caption.widget()) is not None:
            caption.setVisible(is_custom)

    def _submit(self) -> None:
        self.problem.hide()
        url = login_url_of(str(self.kind.currentData()), self.host.text())
        if not url:
            self.refuse("Type the https address at which you sign in, for example acme.my.salesforce.com.", self.host)
        elif not self.client_id.text().strip():
            self.refuse(
                "Your administrator gives you the consumer key of the app; the README says how it is made.",
                self.client_id,
            )
        else:
            self.submitted.emit(url, self.client_id.text().strip())


class PasswordForm(AccountForm):
    """Another password for a mail account that the server refused."""

    submitted = Signal(int, str)

    def __init__(self) -> None:
        super().__init__("New password", "The mail server did not accept the password. Nothing is lost.", "Sign in")
        self.account: MailAccount | None = None
        """Whose password is asked for."""
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.add_field("Password", self.password)
        self.first = self.after_refusal = self.password
        self.action.clicked.connect(self._submit)
        self.password.returnPressed.connect(self._submit)

    def begin(self) -> None:
        """Say whose password it is."""
        super().begin()
        if self.account is not None:
            self.title.setText(f"New password for {self.account.address}")

    def _submit(self) -> None:
        if not self.password.text():
            self.refuse("Type the password.", self.password)
        elif self.account is not None:
            self.problem.hide()
            self.submitted.emit(int(self.account.account_id), self.password.text())


def _port(value: int) -> NumberBox:
    box = NumberBox(1, 65535)
    box.setValue(value)
    box.setMinimumWidth(72)
    return box
