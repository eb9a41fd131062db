"""What the Help menu offers, joined: keys, doctor, about."""

from __future__ import annotations

from importlib import metadata

from ui.doctor.model import DoctorModel
from ui.doctor.view import DoctorView
from ui.main_window import MainWindow
from ui.text import Words

NAME = "outrigger"


class HelpJoin:
    """The help of one window."""

    def __init__(self, window: MainWindow, doctor: DoctorModel) -> None:
        self._window = window
        self._doctor = doctor
        self.view = DoctorView()
        window.add_page("doctor", self.view)
        self.view.run_requested.connect(doctor.run)
        self.view.close_requested.connect(window.show_mail)
        doctor.looking.connect(self.view.show_looking)
        doctor.found.connect(self.view.show_findings)
        # The list of all actions has every key beside its action.
        window.commands.bind("app.keys", window.commands.action("view.palette").trigger)
        window.commands.bind("app.doctor", self._show_doctor)
        window.commands.bind("app.about", self._about)

    def _show_doctor(self) -> None:
        self._window.show_page("doctor")
        self._doctor.run()

    def _about(self) -> None:
        self._window.say(Words(f"Outrigger {version()}, under the Apache License 2.0.", needs_person=False))


def version() -> str:
    """The version of the program, "" where nobody recorded it."""
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return ""
