"""The form for a new Contact or Lead, in the panel itself: no dialog, filled from the mail's sender."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ui.crm_panel.model import PersonEntry
from ui.theme import Space, set_role
from ui.widgets.bars import announce


class PersonForm(QFrame):
    """A new Contact or Lead, filled from the sender; required fields are checked before anything is queued."""

    submitted = Signal(str, object)
    _FIELDS = (
        ("FirstName", "First name"),
        ("LastName", "Last name"),
        ("Email", "Email"),
        ("Company", "Company"),
        ("Title", "Title"),
        ("Phone", "Phone"),
    )

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "card")
        self._object_type = "Contact"
        self._heading = QLabel()
        set_role(self._heading, "strong")
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        set_role(self._problem, "danger")
        self.fields: dict[str, QLineEdit] = {}
        self._captions: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.M)
        grid.setVerticalSpacing(Space.S)
        for row, (name, label) in enumerate(self._FIELDS):
            caption = QLabel(label)
            set_role(caption, "muted")
            field = QLineEdit()
            field.setAccessibleName(label)
            field.returnPressed.connect(self._submit)
            caption.setBuddy(field)
            grid.addWidget(caption, row, 0)
            grid.addWidget(field, row, 1)
            self.fields[name] = field
            self._captions[name] = caption
        self.save = QPushButton("Create")
        set_role(self.save, "primary")
        self.save.clicked.connect(self._submit)
        cancel = QPushButton("Cancel")
        set_role(cancel, "quiet")
        cancel.clicked.connect(self.hide)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        column.setSpacing(Space.S)
        column.addWidget(self._heading)
        column.addLayout(grid)
        column.addWidget(self._problem)
        column.addLayout(buttons)
        self.hide()

    def open_for(self, object_type: str, entry: PersonEntry) -> None:
        """Show the form with what is known of the person."""
        self._object_type = object_type
        self._heading.setText(f"New {object_type.lower()}")
        first, last = entry.first_and_last_name
        values = {"FirstName": first, "LastName": last, "Email": entry.address.address}
        if object_type == "Lead":
            values["Company"] = company_of(entry.address.address)
        for name, field in self.fields.items():
            field.setText(values.get(name, ""))
        self.fields["Company"].setVisible(object_type == "Lead")
        self._captions["Company"].setVisible(object_type == "Lead")
        for field in self.fields.values():
            set_role(field, "")
        self._problem.hide()
        self.save.setEnabled(True)
        self.setAccessibleName(self._heading.text())
        self.show()
        self.fields["LastName" if not last else "FirstName"].setFocus()

    def refuse(self, text: str) -> None:
        """Say why it cannot be created so."""
        self._problem.setText(text)
        self._problem.show()
        self.save.setEnabled(True)
        announce(self, text)

    def _submit(self) -> None:
        if not self.save.isEnabled():
            return
        values = {name: field.text().strip() for name, field in self.fields.items() if not field.isHidden()}
        required = ("LastName", "Company") if self._object_type == "Lead" else ("LastName",)
        missing = [name for name in required if not values.get(name)]
        for name, field in self.fields.items():
            set_role(field, "invalid" if name in missing else "")
        if missing:
            labels = dict(self._FIELDS)
            self.refuse(f"Salesforce needs {' and '.join(labels[name].lower() for name in missing)}.")
            self.fields[missing[0]].setFocus()
            return
        # Once more would be a second person.
        self.save.setEnabled(False)
        self.submitted.emit(self._object_type, {name: value for name, value in values.items() if value})


def company_of(address: str) -> str:
    """A guess at the company out of the domain, "" for an address without one."""
    domain = address.partition("@")[2]
    parts = [part for part in domain.split(".") if part]
    return parts[-2].capitalize() if len(parts) >= 2 else ""
