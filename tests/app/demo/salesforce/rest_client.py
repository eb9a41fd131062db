"""A bare HTTP client for the conformance tests: what goes out and comes back, without any interpretation."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import Message
from typing import Any

from tests.servers.demo import DemoWorld


@dataclass(frozen=True)
class Answer:
    """Status, headers (any case) and body: JSON where it is JSON, else text."""

    status: int
    headers: Message
    body: Any
    raw: bytes

    @property
    def code(self) -> str:
        """The ``errorCode`` of an error body of one entry."""
        assert isinstance(self.body, list), self.body
        assert len(self.body) == 1, self.body
        return str(self.body[0]["errorCode"])

    @property
    def message(self) -> str:
        """The ``message`` of an error body of one entry."""
        assert isinstance(self.body, list), self.body
        return str(self.body[0]["message"])


@dataclass(frozen=True)
class Rest:
    """Requests of one user."""

    base: str
    token: str
    version: str = "66.0"
    context: ssl.SSLContext | None = None

    @classmethod
    def of(cls, world: DemoWorld, user: str = "rita@rita.example", *, tls: bool = False) -> Rest:
        """A client with the user's ready-made access token."""
        token = world.login(user).access_token
        if tls:
            return cls(world.salesforce_tls, token, context=ssl.create_default_context(cafile=world.ca_file))
        return cls(world.salesforce, token)

    def with_token(self, token: str) -> Rest:
        """The same client with another token."""
        return replace(self, token=token)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float = 60,
    ) -> Answer:
        """One request. ``path`` is absolute, or below the versioned base. Bytes go out as they are, other bodies as JSON."""
        url = self.base + (path if path.startswith("/") else f"/services/data/v{self.version}/{path}")
        all_headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            all_headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data=data, method=method, headers={**all_headers, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.context) as answer:
                return _answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return _answer(exc.code, exc.headers, exc.read())

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: str) -> Answer:
        """GET with a query."""
        return self.call("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path, headers=headers)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """POST JSON."""
        return self.call("POST", path, body, headers)

    def patch(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """PATCH JSON."""
        return self.call("PATCH", path, body, headers)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self.call("DELETE", path)

    def create(self, object_name: str, **fields: Any) -> str:
        """Create a record that must be accepted; its id."""
        answer = self.post(f"sobjects/{object_name}", fields)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    def query(self, statement: str) -> list[dict[str, Any]]:
        """The records of a statement that must be accepted."""
        answer = self.get("query", q=statement)
        assert answer.status == 200, answer.body
        records: list[dict[str, Any]] = answer.body["records"]
        return records

    def id_of(self, object_name: str, name: str, field: str = "Name") -> str:
        """The id of the one record of that name."""
        records = self.query(f"SELECT Id FROM {object_name} WHERE {field} = '{name}'")
        assert len(records) == 1, records
        return str(records[0]["Id"])

    def form(self, path: str, **values: str) -> Answer:
        """POST a form."""
        data = urllib.parse.urlencode(values).encode()
        return self.call("POST", path, data, {"Content-Type": "application/x-www-form-urlencoded"})


def _answer(status: int, headers: Message, raw: bytes) -> Answer:
    text = raw.decode(errors="replace")
    body: Any = text
    if "json" in (headers.get("Content-Type") or "") and text:
        try:
            body = json.loads(text)
        except ValueError:
            body = text
    return Answer(status, headers, body, raw)
