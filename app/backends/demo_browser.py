"""A browser that signs in at a demo world by itself, so that "Try the demo" needs no typing. Loopback only: it knows no other host."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

from app.concurrency import BlockingWorker
from app.errors import LocalError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TIMEOUT_S = 20.0
MOST_STEPS = 8


class DemoBrowser:
    """Implements `app.auth.ports.Browser`. Fills the sign-in form of the demo world with what its announcement told."""

    def __init__(self) -> None:
        self._user = ""
        self._password = ""

    def sign_in_as(self, user: str, password: str) -> None:
        """Whom the next page is filled in for."""
        self._user, self._password = user, password

    async def open(self, url: str) -> None:
        """See `Browser.open`. Raises LocalError when the pages are not those of a demo world."""
        worker = BlockingWorker("demo-browser")
        try:
            await worker.run(_sign_in, url, self._user, self._password)
        except requests.RequestException:
            raise LocalError("the demo world's sign-in page does not answer", code="demo_sign_in_failed") from None
        finally:
            await worker.close()


def _sign_in(url: str, user: str, password: str) -> None:
    with requests.Session() as session:
        # A proxy of the system has no business on loopback.
        session.trust_env = False
        method, form = "GET", dict[str, str]()
        for _ in range(MOST_STEPS):
            if urlsplit(url).hostname not in LOOPBACK:
                raise LocalError("the demo signs in on this computer only", code="demo_sign_in_failed")
            answer = session.request(method, url, data=form or None, allow_redirects=False, timeout=TIMEOUT_S)
            if answer.is_redirect:
                method, form, url = "GET", {}, urljoin(url, answer.headers["Location"])
                continue
            forms = _Forms()
            forms.feed(answer.text)
            filled = forms.filled(user, password)
            if filled is None:
                # The page of our own receiver: the code has arrived.
                return
            action, form = filled
            method, url = "POST", urljoin(url, action)
    raise LocalError("the demo world's sign-in does not come to an end", code="demo_sign_in_failed")


class _Forms(HTMLParser):
    """Forms of a page: action, fields, and buttons with a name."""

    def __init__(self) -> None:
        super().__init__()
        self._forms: list[tuple[str, dict[str, str], dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._forms.append((values.get("action", ""), {}, {}))
        elif self._forms and values.get("name") and tag == "input":
            self._forms[-1][1][values["name"]] = values.get("value", "")
        elif self._forms and values.get("name") and tag == "button":
            self._forms[-1][2].setdefault(values["name"], values.get("value", ""))

    def filled(self, user: str, password: str) -> tuple[str, dict[str, str]] | None:
        """Where to send which fields: the first sign-in or approval form, None where there is neither."""
        for action, fields, buttons in self._forms:
            if "decision" in buttons:
                return action, fields | {"decision": buttons["decision"]}
            if "pw" in fields:
                return action, fields | {"username": user, "pw": password}
        return None
