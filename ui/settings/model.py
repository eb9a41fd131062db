"""Settings as the page shows them. The feature's only file that calls the core."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.events import EventBus, SettingsChanged
from app.settings import Settings
from ui.dispatch import Dispatcher


@dataclass(frozen=True, slots=True)
class SettingsState:
    """What can be set here. ``secrets_place`` says in words where passwords are kept, ``repairs`` what had to be put back at start."""

    theme: str
    lookup_minutes: int
    poll_minutes: int
    secrets_place: str
    profile_folder: str
    repairs: tuple[str, ...]


class SettingsModel(QObject):
    """Reads and changes settings; the file is written off this thread."""

    state_changed = Signal(object)

    def __init__(
        self,
        settings: Settings,
        secrets_place: str,
        profile_folder: str,
        bus: EventBus,
        dispatcher: Dispatcher,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._secrets_place = secrets_place
        self._profile_folder = profile_folder
        self._dispatcher = dispatcher
        self._unsubscribe = bus.subscribe(SettingsChanged, lambda _event: self.reload())

    def close(self) -> None:
        """Hear nothing more."""
        self._unsubscribe()

    def reload(self) -> None:
        """Tell the present values."""
        values = self._settings.values
        self.state_changed.emit(
            SettingsState(
                theme=values.theme,
                lookup_minutes=round(values.lookup_ttl_s / 60),
                poll_minutes=max(1, round(values.poll_s / 60)),
                secrets_place=self._secrets_place,
                profile_folder=self._profile_folder,
                repairs=tuple(repair.words for repair in self._settings.repairs),
            )
        )

    def set_theme(self, theme: str) -> None:
        """Follow the system, or stay light or dark."""
        self._dispatcher.start(self._settings.change(theme=theme), slot="settings-theme")

    def set_lookup_minutes(self, minutes: int) -> None:
        """How long looked-up Salesforce values stay in memory, 5 to 10 minutes."""
        self._dispatcher.start(self._settings.change(lookup_ttl_s=minutes * 60), slot="settings-lookup")

    def set_poll_minutes(self, minutes: int) -> None:
        """How often folders are looked at that the server does not report by itself."""
        self._dispatcher.start(self._settings.change(poll_s=minutes * 60), slot="settings-poll")
