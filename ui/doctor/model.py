"""What the doctor found. The only file of this feature that calls the core."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.doctor import Doctor
from ui.dispatch import Dispatcher


class DoctorModel(QObject):
    """``looking()`` when it begins, ``found(list[Finding])`` when it is done."""

    looking = Signal()
    found = Signal(list)

    def __init__(self, doctor: Doctor, dispatcher: Dispatcher, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._doctor = doctor
        self._dispatcher = dispatcher

    def run(self) -> None:
        """Look at everything."""
        self.looking.emit()
        self._dispatcher.start(self._run(), slot=(self, "run"))

    async def _run(self) -> None:
        self.found.emit(await self._doctor.run())
