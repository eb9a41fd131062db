"""The bus: exactly those who asked, in their order, whatever one of them does."""

from __future__ import annotations

import pytest

from app.events import AccountsChanged, ConnectivityChanged, Event, EventBus, FoldersChanged
from app.model.ids import MailAccountId


def test_subscribers_hear_their_type_in_order() -> None:
    bus = EventBus()
    heard: list[tuple[str, Event]] = []
    bus.subscribe(FoldersChanged, lambda event: heard.append(("first", event)))
    bus.subscribe(FoldersChanged, lambda event: heard.append(("second", event)))
    bus.subscribe(AccountsChanged, lambda event: heard.append(("other", event)))
    bus.subscribe(Event, lambda event: heard.append(("base", event)))
    one, two = FoldersChanged(MailAccountId(1)), FoldersChanged(MailAccountId(2))
    bus.publish(one, two)
    assert heard == [("first", one), ("second", one), ("first", two), ("second", two)]


def test_unsubscribing_ends_it_even_during_an_event() -> None:
    bus = EventBus()
    heard: list[str] = []

    def once(_: AccountsChanged) -> None:
        heard.append("once")
        unsubscribe()

    unsubscribe = bus.subscribe(AccountsChanged, once)
    bus.subscribe(AccountsChanged, lambda _: heard.append("always"))
    bus.publish(AccountsChanged(), AccountsChanged())
    unsubscribe()
    assert heard == ["once", "always", "always"]


def test_one_who_raises_does_not_keep_others_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus()
    heard: list[Event] = []

    def fail(_: ConnectivityChanged) -> None:
        raise ValueError("the words of rita@example.com")

    bus.subscribe(ConnectivityChanged, fail)
    bus.subscribe(ConnectivityChanged, heard.append)
    bus.publish(ConnectivityChanged(is_online=True, chosen=False))
    assert len(heard) == 1
    assert "ValueError" in caplog.text
    assert "rita" not in caplog.text


def test_events_are_values() -> None:
    assert FoldersChanged(MailAccountId(1)) == FoldersChanged(MailAccountId(1))
    with pytest.raises(AttributeError):
        FoldersChanged(MailAccountId(1)).account_id = MailAccountId(2)  # type: ignore[misc]
