"""Requests and answers as the resources see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.demo.salesforce.access import Actor
from app.demo.salesforce.errors import refuse
from app.demo.salesforce.files import StoredFile
from app.demo.salesforce.org import Org
from app.demo.salesforce.writing.change import WriteOptions
from app.demo.salesforce.writing.values import SourceText


@dataclass(frozen=True)
class Request:
    """A request of a signed-in user. ``path`` is decoded, below /services/data/vNN.N and without slashes around it.

    Header names are in lower case. ``content`` is the file part of a multipart request, on disk already; ``body`` then
    is the JSON part. ``in_composite`` marks a subrequest.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    org: Org
    actor: Actor
    version: str
    content: StoredFile | None = None
    in_composite: bool = False

    def text(self) -> str:
        """The body as text. Raises ApiError."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as exc:
            raise refuse("JSON_PARSER_ERROR", "Invalid UTF-8 in the request body") from exc

    def json(self) -> Any:
        """The body as JSON. Raises ApiError."""
        text = self.text()
        if not text.strip():
            raise refuse("JSON_PARSER_ERROR", "No content to map to Object due to end of input")
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except json.JSONDecodeError as exc:
            place = f"[line:{exc.lineno}, column:{exc.colno}]"
            raise refuse("JSON_PARSER_ERROR", f"Unexpected character in the request body at {place}") from exc
        except RecursionError as exc:
            raise refuse("JSON_PARSER_ERROR", "The request body is nested too deeply") from exc

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ApiError."""
        value = self.json()
        if not isinstance(value, dict):
            kind = "START_ARRAY value [" if isinstance(value, list) else f"value {value}"
            text = f"Cannot deserialize instance of object from {kind} or request may be missing a required field at"
            raise refuse("JSON_PARSER_ERROR", f"{text} [line:1, column:1]")
        return value

    def write_options(self) -> WriteOptions:
        """What the request says about a write beside its values."""
        rule = _directives(self.headers.get("sforce-duplicate-rule-header", ""))
        return WriteOptions(
            allow_save=rule.get("allowsave") == "true",
            include_record_details=rule.get("includerecorddetails") == "true",
            version=self.version,
            source=SourceText(self.body.decode(errors="replace")),
        )


@dataclass
class Response:
    """An answer: JSON, a file, or nothing. ``body`` None means no body at all."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    file: Path | None = None


def _directives(header: str) -> dict[str, str]:
    parts = (part.partition("=") for part in header.replace(",", ";").split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in parts}


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is no JSON", name, 0)
