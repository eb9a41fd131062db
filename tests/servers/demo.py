"""Starts ``python -m app.demo`` for a test and drives its admin interface; a scripted browser signs in.

Standard library only, so that the helper shares nothing with the client under test.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.cookiejar
import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
STOP_WITHIN_S = 20


class DemoNotStarted(RuntimeError):
    """The process ended, or said something else, before it announced itself."""


class AdminRefused(RuntimeError):
    """The admin interface refused a request; the text is its answer."""


@dataclass(frozen=True)
class DemoLogin:
    """One way to sign in. For Salesforce ``access_token`` is valid from the start; keys that do not apply are ""."""

    service: str
    user: str
    password: str
    access_token: str
    client_id: str
    org: str


@dataclass(frozen=True)
class DemoWorld:
    """A running demo world: addresses, people, and everything the admin interface can do.

    ``imap`` and the other mail addresses are "host:port"; use `host_port`. ``org`` parameters take an org id; "" is the
    first org (production).
    """

    salesforce: str
    salesforce_tls: str
    imap: str
    imaps: str
    smtp: str
    smtps: str
    ca_file: str
    admin: str
    logins: tuple[DemoLogin, ...]
    process: subprocess.Popen[str]

    @classmethod
    def from_line(cls, line: str, process: subprocess.Popen[str]) -> Self:
        """The world that a JSON line announces."""
        keys: dict[str, Any] = json.loads(line)
        logins = tuple(DemoLogin(**one) for one in keys.pop("logins"))
        return cls(**keys, logins=logins, process=process)

    def line(self) -> dict[str, Any]:
        """What the announcement said: the argument of `from_line`, for another process."""
        keys = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "process"}
        return {**keys, "logins": [dataclasses.asdict(one) for one in self.logins]}

    def login(self, user: str, service: str = "salesforce") -> DemoLogin:
        """The login of a user at a service. Raises LookupError."""
        for one in self.logins:
            if one.user == user and one.service == service:
                return one
        raise LookupError(f"no {service} login for {user}")

    @staticmethod
    def host_port(address: str) -> tuple[str, int]:
        """Host and port of "host:port"."""
        host, _, port = address.rpartition(":")
        return host, int(port)

    def faults(
        self,
        kind: str,
        *,
        where: str = "salesforce",
        method: str = "",
        path_regex: str = "",
        body_regex: str = "",
        user: str = "",
        org: str = "",
        times: int = 1,
        skip: int = 0,
        probability: float = 1,
        seed: int = 0,
        **arguments: Any,
    ) -> None:
        """Put a fault in force. ``where``: salesforce, oauth, imap or smtp. ``arguments`` are those of the kind: ``after_s=30``, ``bytes=100`` ...

        HTTP kinds are listed in `app.demo.faults`, mail kinds in `app.demo.mail.faults`.
        """
        fault = {"kind": kind, **arguments}
        if where in ("imap", "smtp"):
            self._post("/faults", {"where": where, "fault": fault, "times": times})
            return
        match = {"method": method, "path_regex": path_regex, "body_regex": body_regex, "user": user, "org": org}
        rule = {
            "where": where,
            "match": {key: value for key, value in match.items() if value},
            "fault": fault,
            "times": times,
            "skip": skip,
            "probability": probability,
            "seed": seed,
        }
        self._post("/faults", rule)

    def faults_in_force(self) -> list[dict[str, Any]]:
        """The rules with their ``hits``."""
        found: list[dict[str, Any]] = self._get("/faults")["faults"]
        return found

    def clear_faults(self) -> None:
        """End all faults."""
        self._post("/faults/clear", {})

    def network(self, **services: str) -> None:
        """``network(salesforce="down", imap="up")``."""
        self._post("/network", services)

    def requests(self) -> list[dict[str, Any]]:
        """Every request to Salesforce and OAuth since the last `clear_requests`."""
        found: list[dict[str, Any]] = self._get("/requests")["requests"]
        return found

    def api_calls(self) -> int:
        """The API calls that these requests cost."""
        return int(self._get("/requests")["api_calls"])

    def clear_requests(self) -> None:
        """Begin the journal anew."""
        self._post("/requests/clear", {})

    def soql(self, org: str, q: str) -> list[dict[str, Any]]:
        """The records of a query as the system administrator, uncounted. ``SELECT COUNT()`` is `count`."""
        found: list[dict[str, Any]] = self._get("/soql", org=org, q=q)["records"]
        return found

    def count(self, org: str, q: str) -> int:
        """``totalSize`` of a query."""
        return int(self._get("/soql", org=org, q=q)["totalSize"])

    def records(self, object_name: str, org: str = "") -> list[dict[str, Any]]:
        """All records of an object with all fields."""
        found: list[dict[str, Any]] = self._get("/records", org=org, object=object_name)["records"]
        return found

    def insert(self, object_name: str, fields: dict[str, Any], *, org: str = "", user: str = "") -> str:
        """Create a record as a colleague (the administrator, or the named user beyond all permissions); its id."""
        spec = {"org": org, "object": object_name, "fields": fields, "user": user}
        return str(self._post("/records", spec)["id"])

    def advance(self, seconds: float) -> None:
        """Move the world's clock forward; writes that are due then happen before this returns."""
        self._post("/clock", {"advance_s": seconds})

    def clock_offset(self) -> float:
        """By how many seconds the world's clock is ahead."""
        return float(self._get("/clock")["offset_s"])

    def pending_commits(self) -> int:
        """How many late commits wait for their time."""
        return int(self._get("/clock")["pending"])

    def longest_call(self, seconds: float) -> None:
        """What ``X-Demo-Longest-Call`` announces, and the bound of late commits."""
        self._post("/longest_call", {"s": seconds})

    def limit(self, *, used: int | None = None, maximum: int | None = None, org: str = "") -> None:
        """Pretend that so many API calls were used, out of so many."""
        self._post("/limit", {"org": org, "used": used, "max": maximum})

    def expire_tokens(self, user: str = "") -> None:
        """End the access tokens of a user, or of everybody."""
        self._post("/tokens", {"action": "expire_access", "user": user})

    def revoke_tokens(self, user: str = "") -> None:
        """End the refresh tokens, and with them the access tokens, of a user or of everybody."""
        self._post("/tokens", {"action": "revoke_refresh", "user": user})

    def rotate_tokens(self, user: str = "", *, on: bool = True) -> None:
        """Switch refresh-token rotation."""
        self._post("/tokens", {"action": "rotate_on" if on else "rotate_off", "user": user})

    def deliver(
        self,
        user: str,
        *,
        folder: str = "INBOX",
        raw: bytes = b"",
        flags: tuple[str, ...] = (),
        **message: Any,
    ) -> int:
        """Put a mail into a folder; its UID. Either ``raw`` or the parts ``sender``, ``to``, ``cc``, ``subject``, ``text``, ``html``,
        ``message_id``, ``headers`` (a dict), ``attachments`` (dicts of ``name``, ``type``, ``base64``).
        """
        spec: dict[str, Any] = {"user": user, "folder": folder, "flags": list(flags)}
        if raw:
            spec["raw_base64"] = base64.b64encode(raw).decode()
        else:
            spec["from"] = message.pop("sender", "someone@elsewhere.example")
            spec |= message
        return int(self._post("/mail/deliver", spec)["uid"])

    def sent(self) -> list[dict[str, Any]]:
        """Every mail that SMTP accepted: ``from``, ``recipients``, ``time``, ``raw`` (bytes)."""
        return [_with_raw(one) for one in self._get("/mail/sent")["sent"]]

    def messages(self, user: str, folder: str = "") -> list[dict[str, Any]]:
        """The mails of a user, in one folder or all: ``folder``, ``uid``, ``flags``, ``date``, ``raw`` (bytes)."""
        query = {"user": user, "folder": folder} if folder else {"user": user}
        return [_with_raw(one) for one in self._get("/mail/messages", **query)["messages"]]

    def reset(self) -> None:
        """Back to the data of the start: records, mail, tokens, faults, clock, network, journal."""
        self._post("/reset", {})

    def approve(self, authorize_url: str, user: str, password: str, *, deny: bool = False, follow: bool = True) -> str:
        """Sign in and allow (or deny) like a person in a browser; the callback's URL.

        With ``follow`` the callback itself is fetched too, as a browser would.
        """
        callback = ScriptedBrowser().approve(authorize_url, user, password, deny=deny)
        if follow:
            with urllib.request.urlopen(callback, timeout=30) as answer:
                answer.read()
        return callback

    def stop(self) -> int:
        """End the process in good order; its exit code."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                self._post("/stop", {})
        return _wait(self.process)

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        self.process.kill()
        _wait(self.process)

    def _get(self, path: str, **query: str) -> Any:
        return _call(urllib.request.Request(f"{self.admin}{path}?{urllib.parse.urlencode(query)}"))

    def _post(self, path: str, body: Any) -> Any:
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return _call(urllib.request.Request(self.admin + path, data=data, headers=headers, method="POST"))


@contextlib.contextmanager
def running_demo(state: Path | None = None, fixture: Path | None = None) -> Iterator[DemoWorld]:
    """A demo world in a process of its own, stopped at the end. Raises DemoNotStarted."""
    command = [sys.executable, "-m", "app.demo"]
    if state is not None:
        command += ["--state", str(state)]
    if fixture is not None:
        command += ["--fixture", str(fixture)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("{"):
            process.kill()
            raise DemoNotStarted(f"exit code {process.wait()}; its words are on standard error")
        world = DemoWorld.from_line(line, process)
        try:
            yield world
        finally:
            world.stop()
    finally:
        _wait(process)
        process.stdout.close()


class ScriptedBrowser:
    """Fills the forms of the sign-in pages. Keeps cookies; follows redirects until they leave the server."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), _NoRedirect()
        )

    def approve(self, authorize_url: str, user: str, password: str, *, deny: bool = False) -> str:
        """From the authorize URL to the callback's URL. Raises AssertionError with the page's text where it gets stuck."""
        url, page = self._open(authorize_url, None)
        for _ in range(4):
            if page is None:
                return url
            forms = _forms(page)
            if any("decision" in form.buttons for form in forms):
                form = next(form for form in forms if "decision" in form.buttons)
                values = {**form.values, "decision": "deny" if deny else "allow"}
            else:
                form = next((form for form in forms if form.identity == "login_form"), _Form())
                values = {**form.values, "username": user, "pw": password}
            assert form.action, f"no form to fill in on the page: {page[:2000]}"
            url, page = self._open(urllib.parse.urljoin(url, form.action), values)
        raise AssertionError(f"the sign-in does not come to an end: {page}")

    def _open(self, url: str, form: dict[str, str] | None) -> tuple[str, str | None]:
        """The page at the end of the redirects, or the URL that leaves the server and no page."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        home = urllib.parse.urlsplit(url).netloc
        while True:
            try:
                with self._opener.open(urllib.request.Request(url, data=data), timeout=30) as answer:
                    return url, answer.read().decode()
            except urllib.error.HTTPError as answer:
                with answer:
                    target = answer.headers.get("Location")
                    if answer.code not in (302, 303) or not target:
                        raise AssertionError(f"{answer.code} {answer.read().decode()[:2000]}") from None
            url, data = urllib.parse.urljoin(url, target), None
            if urllib.parse.urlsplit(url).netloc != home:
                return url, None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class _Form:
    def __init__(self, attributes: dict[str, str | None] | None = None) -> None:
        attributes = attributes or {}
        self.action = attributes.get("action") or ""
        self.identity = attributes.get("id") or ""
        self.values: dict[str, str] = {}
        self.buttons: set[str] = set()


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self.forms.append(_Form(attributes))
        elif tag == "input" and attributes.get("name") and self.forms:
            self.forms[-1].values[str(attributes["name"])] = attributes.get("value") or ""
        elif tag == "button" and attributes.get("name") and self.forms:
            self.forms[-1].buttons.add(str(attributes["name"]))


def _forms(page: str) -> list[_Form]:
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


def _call(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as exc:
        with exc:
            raise AdminRefused(exc.read().decode()) from None


def _with_raw(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "raw": base64.b64decode(one.pop("raw_base64"))}


def _wait(process: subprocess.Popen[str]) -> int:
    try:
        return process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
