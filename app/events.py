"""Facts that have happened, ids only, and the bus that carries them.

One loop on one thread: `EventBus.publish` is a plain call. Events of a transaction are published after its commit,
never before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from app.model.ids import CrmLoginId, FolderId, MailAccountId, MessageId, OperationId
from app.model.operation import OperationState

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all facts."""


@dataclass(frozen=True, slots=True)
class AccountsChanged(Event):
    """A mail account or Salesforce login was added, removed or renamed."""


@dataclass(frozen=True, slots=True)
class FoldersChanged(Event):
    """Folders of an account came, went, or changed their counts."""

    account_id: MailAccountId


@dataclass(frozen=True, slots=True)
class MessagesStored(Event):
    """Messages are new in a folder, or came back to it."""

    folder_id: FolderId
    message_ids: tuple[MessageId, ...]
    is_new_mail: bool = False
    """True for mail that arrived after the first sync of the folder."""


@dataclass(frozen=True, slots=True)
class MessagesChanged(Event):
    """Flags, content or marks of messages changed."""

    message_ids: tuple[MessageId, ...]


@dataclass(frozen=True, slots=True)
class MessagesRemoved(Event):
    """Messages left a folder."""

    folder_id: FolderId
    message_ids: tuple[MessageId, ...]


@dataclass(frozen=True, slots=True)
class SyncProgressed(Event):
    """How far the sync of a folder is; ``total`` is None while unknown, ``is_finished`` when all is stored."""

    folder_id: FolderId
    done: int
    total: int | None
    is_finished: bool


@dataclass(frozen=True, slots=True)
class OperationChanged(Event):
    """An operation came into this state."""

    operation_id: OperationId
    state: OperationState
    subject_message: int | None = None
    subject_record: str = ""


@dataclass(frozen=True, slots=True)
class SignInRequired(Event):
    """An account waits for its person. ``account`` is an account key (``mail:3``, ``crm:1``)."""

    account: str


@dataclass(frozen=True, slots=True)
class SignedIn(Event):
    """An account's credentials work (again)."""

    account: str


@dataclass(frozen=True, slots=True)
class ConnectivityChanged(Event):
    """Whether servers can be reached. ``chosen`` is true when the person chose to work offline."""

    is_online: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class AccountReachable(Event):
    """The server of one account came within reach, or left it. ``account`` is an account key (``mail:3``, ``crm:1``)."""

    account: str
    is_reachable: bool


@dataclass(frozen=True, slots=True)
class LookupExpired(Event):
    """Looked-up record values of a login left RAM."""

    login_id: CrmLoginId


@dataclass(frozen=True, slots=True)
class SettingsChanged(Event):
    """Settings have new values. ``names`` are the names of `app.settings.SettingValues`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackgroundTaskFailed(Event):
    """A long task met an error. ``code`` is the error's code; ``task`` its name."""

    task: str
    code: str


E = TypeVar("E", bound=Event)


class EventBus:
    """Calls every subscriber of an event's type, in the order in which they subscribed.

    A subscriber that raises is logged and does not keep others from hearing. Subscribing returns the function that ends
    it.
    """

    def __init__(self) -> None:
        self._subscribers: dict[type[Event], list[Callable[[Event], None]]] = {}

    def subscribe(self, event_type: type[E], handler: Callable[[E], None]) -> Callable[[], None]:
        """Hear of every event of exactly this type; the returned function unsubscribes."""
        handlers = self._subscribers.setdefault(event_type, [])
        handlers.append(handler)  # type: ignore[arg-type]  # handlers of one key take that key's type

        def unsubscribe() -> None:
            if handler in handlers:
                handlers.remove(handler)

        return unsubscribe

    def publish(self, *events: Event) -> None:
        """Tell all subscribers, one event after the other."""
        for event in events:
            for handler in tuple(self._subscribers.get(type(event), ())):
                try:
                    handler(event)
                except Exception as error:  # noqa: BLE001 - one view's bug must not stop the others
                    _log.error("subscriber of %s raised %s", type(event).__name__, type(error).__name__)
