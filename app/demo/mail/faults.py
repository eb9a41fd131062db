"""What goes wrong on purpose: the admin interface changes these values, the two mail servers read them.

A service is ``imap`` or ``smtp``; both of its ports (plain with STARTTLS, and implicit TLS) share one state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

SERVICES: Final = ("imap", "smtp")
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "delay": ("s",),
    "cut_after": ("bytes",),
    "refuse_auth": (),
    "drop_after_data": (),
    "refuse_recipient": ("address",),
}
"""The kinds of fault and the argument each of them takes."""

SMTP_ONLY: Final = frozenset({"drop_after_data", "refuse_recipient"})


@dataclass(slots=True)
class Fault:
    """One fault in force. ``times`` counts down to 0; -1 is for ever."""

    service: str
    kind: str
    times: int
    seconds: float = 0.0
    bytes_allowed: int = 0
    address: str = ""

    def as_json(self) -> dict[str, object]:
        """The fault in the form in which it was injected."""
        values: dict[str, object] = {"s": self.seconds, "bytes": self.bytes_allowed, "address": self.address}
        arguments = {name: values[name] for name in KINDS[self.kind]}
        return {"where": self.service, "fault": {"kind": self.kind, **arguments}, "times": self.times}


class MailFaults:
    """The faults in force and the state of the network, for IMAP and SMTP.

    Kinds:
    ``delay`` waits ``s`` seconds before each command is answered. ``cut_after`` closes a connection once the server has sent ``bytes`` on it
    (SMTP: once it has received them; a mail is then cut within DATA). ``refuse_auth`` refuses the right password. ``drop_after_data``
    accepts and delivers a mail, then cuts the connection without an answer. ``refuse_recipient`` answers 550 to an address ("" is any).
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._up: dict[str, bool] = dict.fromkeys(SERVICES, True)
        self._listeners: list[Callable[[str, bool], None]] = []

    def inject(self, service: str, fault: Mapping[str, object], times: int = 1) -> None:
        """Put a fault in force: ``fault`` is ``{"kind": …}`` with the argument named in `KINDS`.

        Raises ValueError, with the reason, where the service, the kind or an argument is not known.
        """
        kind = fault.get("kind")
        if service not in SERVICES:
            raise ValueError(f"a mail fault needs a service of {', '.join(SERVICES)}")
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"a mail fault needs a kind of {', '.join(KINDS)}")
        if kind in SMTP_ONLY and service != "smtp":
            raise ValueError(f"{kind} is a fault of smtp")
        unknown = set(fault) - {"kind", *KINDS[kind]}
        if unknown:
            raise ValueError(f"{kind} does not take {', '.join(sorted(unknown))}")
        self._faults.append(
            Fault(
                service,
                kind,
                times,
                seconds=_number(fault, "s"),
                bytes_allowed=int(_number(fault, "bytes")),
                address=str(fault.get("address", "")).lower(),
            )
        )

    def clear(self) -> None:
        """End all faults; the network stays as it is."""
        self._faults.clear()

    def as_json(self) -> list[dict[str, object]]:
        """The faults that are still in force."""
        return [fault.as_json() for fault in self._faults]

    def set_network(self, service: str, *, up: bool) -> None:
        """Take the line of a service down (connections reset, new ones refused) or bring it back. Raises ValueError for other names."""
        if service not in SERVICES:
            raise ValueError(f"the network of mail has {' and '.join(SERVICES)}")
        if self._up[service] != up:
            self._up[service] = up
            for listener in list(self._listeners):
                listener(service, up)

    def is_up(self, service: str) -> bool:
        """Whether the line of that service is up."""
        return self._up[service]

    def on_network(self, listener: Callable[[str, bool], None]) -> Callable[[], None]:
        """Call ``listener(service, up)`` at each change; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def delay(self, service: str) -> float:
        """Seconds to wait before the next command is answered."""
        return sum(fault.seconds for fault in self._take(service, "delay"))

    def cut_after(self, service: str) -> int | None:
        """After how many bytes a connection that opens now is to be cut, or None. Counts as one use."""
        limits = [fault.bytes_allowed for fault in self._take(service, "cut_after", only_first=True)]
        return limits[0] if limits else None

    def refuses_auth(self, service: str) -> bool:
        """Whether this sign-in is to be refused. Counts as one use."""
        return bool(self._take(service, "refuse_auth", only_first=True))

    def drops_after_data(self) -> bool:
        """Whether the answer to this mail is to be lost. Counts as one use."""
        return bool(self._take("smtp", "drop_after_data", only_first=True))

    def refuses_recipient(self, address: str) -> bool:
        """Whether this recipient is to be refused. Counts as one use."""
        for fault in self._faults:
            if fault.kind == "refuse_recipient" and fault.address in {"", address.lower()}:
                self._use(fault)
                return True
        return False

    def _take(self, service: str, kind: str, *, only_first: bool = False) -> list[Fault]:
        found = [fault for fault in self._faults if fault.service == service and fault.kind == kind]
        taken = found[:1] if only_first else found
        for fault in taken:
            self._use(fault)
        return taken

    def _use(self, fault: Fault) -> None:
        if fault.times > 0:
            fault.times -= 1
        if fault.times == 0:
            self._faults.remove(fault)


def _number(fault: Mapping[str, object], name: str) -> float:
    value = fault.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{name} must be a number of at least 0")
    return float(value)
