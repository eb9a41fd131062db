"""Which orgs there are, whether servers can be reached, and how much waits. The only file of this feature that calls the core."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from app.connectivity import Connectivity
from app.crm.logins import CrmLogins
from app.events import AccountsChanged, ConnectivityChanged, EventBus, OperationChanged, SignedIn, SignInRequired
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId
from app.outbox.outbox import Outbox
from ui.dispatch import Dispatcher
from ui.text import waiting

REFRESH_MS = 100


@dataclass(frozen=True, slots=True)
class Traffic:
    """The state of the outbox. ``words`` is "" when all is sent and the servers can be reached."""

    is_online: bool
    is_chosen_offline: bool
    open: int
    failed: int
    paused: int
    words: str

    @property
    def needs_person(self) -> bool:
        """Whether something will not go on by itself."""
        return self.failed > 0 or self.paused > 0


class StatusModel(QObject):
    """``traffic_changed(Traffic)``; ``logins_changed(list[CrmLogin], current CrmLoginId | None)``."""

    traffic_changed = Signal(Traffic)
    logins_changed = Signal(list, object)

    def __init__(
        self,
        outbox: Outbox,
        connectivity: Connectivity,
        logins: CrmLogins,
        bus: EventBus,
        dispatcher: Dispatcher,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._outbox = outbox
        self._connectivity = connectivity
        self._logins = logins
        self._dispatcher = dispatcher
        self._known: list[CrmLogin] = []
        self._current: CrmLoginId | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._read_traffic)
        self._unsubscribe = [
            bus.subscribe(OperationChanged, lambda _event: self._soon()),
            bus.subscribe(ConnectivityChanged, lambda _event: self._soon()),
            bus.subscribe(AccountsChanged, lambda _event: self.refresh()),
            bus.subscribe(SignInRequired, lambda _event: self.refresh()),
            bus.subscribe(SignedIn, lambda _event: self.refresh()),
        ]

    @property
    def current_login(self) -> CrmLogin | None:
        """The org that is worked in."""
        return next((login for login in self._known if login.login_id == self._current), None)

    @property
    def works_offline(self) -> bool:
        """Whether the person chose to work offline."""
        return self._connectivity.work_offline

    def refresh(self) -> None:
        """Read everything anew."""
        self._read_traffic()
        self._dispatcher.start(self._read_logins(), slot=(self, "logins"))

    def choose_login(self, login_id: CrmLoginId) -> None:
        """Work in another org."""
        self._current = login_id
        self.logins_changed.emit(self._known, self._current)

    def set_work_offline(self, on: bool) -> None:
        """Work offline, or no longer."""
        self._connectivity.set_work_offline(on)

    def close(self) -> None:
        """Hear no more events."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._timer.stop()

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _read_traffic(self) -> None:
        self._dispatcher.start(self._tell_traffic(), slot=(self, "traffic"))

    async def _tell_traffic(self) -> None:
        counts = await self._outbox.counts()
        is_online = self._connectivity.is_online
        self.traffic_changed.emit(
            Traffic(
                is_online,
                self._connectivity.work_offline,
                counts.open,
                counts.failed,
                counts.paused,
                waiting(is_online, counts.open, counts.failed, counts.paused),
            )
        )

    async def _read_logins(self) -> None:
        self._known = await self._logins.list()
        if self.current_login is None:
            self._current = self._known[0].login_id if self._known else None
        self.logins_changed.emit(self._known, self._current)
