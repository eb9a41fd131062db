"""The accounts page: what is signed in, what needs its person, and the forms that add mail and Salesforce. Each form says what will happen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.model.crm import CrmLogin
from app.model.ids import crm_login_key, mail_account_key
from app.model.mail import MailAccount
from ui.accounts.forms import AccountForm, MailAccountForm, PasswordForm, SalesforceForm
from ui.accounts.model import AccountsState
from ui.icons import Icon
from ui.text import Words
from ui.theme import Space, set_role
from ui.widgets.bars import Choice, IconLabel, Strip
from ui.widgets.labels import Badge, ElidedLabel
from ui.widgets.scroll import column_in_middle, scrolled
from ui.widgets.states import Card

COLUMN_WIDTH = 640
"""Width of the page's column, in device-independent pixels: forms are read, not stretched."""


class AccountsView(QFrame):
    """Shows an `AccountsState`; wishes go out as signals."""

    add_mail_requested = Signal(object, str)
    add_salesforce_requested = Signal(str, str)
    password_requested = Signal(int, str)
    sign_in_requested = Signal(int)
    cancel_requested = Signal()
    remove_mail_requested = Signal(int)
    remove_salesforce_requested = Signal(int)
    demo_requested = Signal()
    close_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "surface")
        self.setAccessibleName("Accounts")
        self._notice, self._outcome, self._question = Strip(can_close=True), Strip(can_close=True), Strip()
        self.mail_form = MailAccountForm()
        self.mail_form.submitted.connect(self.add_mail_requested)
        self.salesforce_form = SalesforceForm()
        self.salesforce_form.submitted.connect(self.add_salesforce_requested)
        self.password_form = PasswordForm()
        self.password_form.submitted.connect(self.password_requested)
        self._forms: tuple[AccountForm, ...] = (self.mail_form, self.salesforce_form, self.password_form)
        self._add_buttons: list[QPushButton] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(Space.S)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(Space.S)
        for text, slot, role in (
            ("Add mail account", self.show_mail_form, "primary"),
            ("Add Salesforce", self.show_salesforce_form, "primary"),
            ("Try the demo", self.demo_requested.emit, "quiet"),
        ):
            button = QPushButton(text)
            set_role(button, role)
            button.clicked.connect(lambda _checked=False, s=slot: s())
            self._buttons.addWidget(button)
            self._add_buttons.append(button)
        self._buttons.addStretch(1)
        self._build()

    def show_state(self, state: AccountsState) -> None:
        """Paint this."""
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for account in state.mail:
            self._list.addWidget(self._mail_card(account, mail_account_key(account.account_id) in state.waiting))
        for login in state.crm:
            self._list.addWidget(self._crm_card(login, crm_login_key(login.login_id) in state.waiting))
        if not state.mail and not state.crm:
            text = QLabel(
                "Nothing is set up yet. Mail and Salesforce are reached straight from this computer; no other server takes part."
            )
            text.setWordWrap(True)
            set_role(text, "muted")
            self._list.addWidget(text)

    def show_busy(self, words: str, can_stop: bool) -> None:
        """Say what is going on, with a way to stop it; "" when it is over."""
        if words:
            choices = (Choice("Cancel", self.cancel_requested.emit),) if can_stop else ()
            self._notice.say(words, choices=choices)
        else:
            self._notice.hide()
        for part in (*self._forms, *self._add_buttons):
            part.setEnabled(not words)

    def show_refused(self, words: Words) -> None:
        """Say why it did not work: at the form that is open, else above."""
        form = self._open_form()
        if form is not None:
            form.refuse(words.sentence, form.after_refusal)
        else:
            self._notice.say(words.sentence, symbol=Icon.FAILED, tone="danger")

    def show_added(self, text: str) -> None:
        """Say that it worked and put the forms away."""
        self._show_form(None)
        self._outcome.say(text, symbol=Icon.CHECK, tone="success")

    def show_mail_form(self) -> None:
        """Open the form for a mail account."""
        self._show_form(self.mail_form)

    def show_salesforce_form(self) -> None:
        """Open the form for Salesforce."""
        self._show_form(self.salesforce_form)

    def leave_form(self) -> bool:
        """Close the form or question that is open; false when there is none."""
        if self._open_form() is not None:
            self._show_form(None)
            return True
        if not self._question.isHidden():
            self._question.hide()
            return True
        return False

    def _open_form(self) -> AccountForm | None:
        return next((form for form in self._forms if not form.isHidden()), None)

    def _show_form(self, form: AccountForm | None) -> None:
        self._outcome.hide()
        self._question.hide()
        for each in self._forms:
            each.setVisible(each is form)
        if form is not None:
            form.begin()
            # Its place is below the list, perhaps out of sight.
            QTimer.singleShot(0, form, lambda: self._area.ensureWidgetVisible(form))

    def _build(self) -> None:
        title = QLabel("Accounts")
        set_role(title, "title")
        close = QPushButton("Back to mail")
        set_role(close, "quiet")
        close.clicked.connect(self.close_requested)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(close)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(Space.L, Space.M, Space.L, Space.XL)
        column.setSpacing(Space.M)
        column.addLayout(head)
        for strip in (self._notice, self._outcome, self._question):
            column.addWidget(strip)
        column.addLayout(self._list)
        column.addLayout(self._buttons)
        for form in self._forms:
            form.hide()
            column.addWidget(form)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._area = scrolled(column_in_middle(content, COLUMN_WIDTH))
        outer.addWidget(self._area)

    def _mail_card(self, account: MailAccount, waits: bool) -> QWidget:
        detail = f"{account.imap.host}, mail in; {account.smtp.host}, mail out"
        choices = [("Remove…", lambda: self._ask_remove_mail(account))]
        if waits:
            choices.insert(0, ("New password…", lambda: self._open_password(account)))
        return _AccountCard(Icon.ACCOUNT, account.address, detail, _marks(account.is_demo, False, waits), choices)

    def _crm_card(self, login: CrmLogin, waits: bool) -> QWidget:
        who = login.display_name or login.username
        choices = [("Sign out…", lambda: self._ask_remove_crm(login))]
        if waits:
            choices.insert(0, ("Sign in again", lambda: self.sign_in_requested.emit(int(login.login_id))))
        name = login.org_name or "Salesforce"
        return _AccountCard(Icon.CLOUD, name, who, _marks(login.is_demo, login.is_sandbox, waits), choices)

    def _open_password(self, account: MailAccount) -> None:
        self.password_form.account = account
        self._show_form(self.password_form)

    def _ask_remove_mail(self, account: MailAccount) -> None:
        def remove() -> None:
            self.remove_mail_requested.emit(int(account.account_id))

        self._ask(
            f"Remove {account.address}? Its mail, drafts and waiting work go from this computer. The server keeps its mail.",
            "Remove account",
            remove,
        )

    def _ask_remove_crm(self, login: CrmLogin) -> None:
        def remove() -> None:
            self.remove_salesforce_requested.emit(int(login.login_id))

        self._ask(
            f"Sign out of {login.org_name or 'Salesforce'}? The sign-in is revoked there, and work that waits for it stays here unsent.",
            "Sign out",
            remove,
        )

    def _ask(self, text: str, action: str, act: Callable[[], None]) -> None:
        def confirmed() -> None:
            self._question.hide()
            act()

        self._show_form(None)
        self._question.say(
            text,
            symbol=Icon.WARNING,
            tone="warning",
            choices=(Choice(action, confirmed, "danger"), Choice("Keep", self._question.hide)),
        )


class _AccountCard(Card):
    def __init__(
        self,
        symbol: Icon,
        name: str,
        detail: str,
        marks: list[tuple[str, str]],
        choices: list[tuple[str, Callable[[], None]]],
    ) -> None:
        super().__init__("")
        self.setAccessibleName(", ".join([name, detail, *(text for text, _ in marks)]))
        row = QHBoxLayout()
        row.setSpacing(Space.M)
        row.addWidget(IconLabel(symbol, "accent_text", 20))
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(ElidedLabel(name, role="strong"))
        words.addWidget(ElidedLabel(detail, role="muted"))
        row.addLayout(words, 1)
        for text, tone in marks:
            badge = Badge(tone=tone)
            badge.set_text(text)
            row.addWidget(badge, 0, Qt.AlignmentFlag.AlignVCenter)
        for text, slot in choices:
            button = QPushButton(text)
            button.setAccessibleName(f"{text.rstrip('…')}: {name}")
            set_role(button, "quiet")
            button.clicked.connect(lambda _checked=False, s=slot: s())
            row.addWidget(button)
        self.body.addLayout(row)


def _marks(is_demo: bool, is_sandbox: bool, waits: bool) -> list[tuple[str, str]]:
    marks = [("DEMO", "muted")] if is_demo else []
    marks += [("SANDBOX", "sandbox")] if is_sandbox else []
    return marks + ([("SIGN IN", "warning")] if waits else [])
