"""The map of resources: which method of which path does what, and what is known but not done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from app.demo.salesforce.errors import method_not_allowed, not_implemented, refuse, resource_missing
from app.demo.salesforce.org import Org
from app.demo.salesforce.rest import collections, queries, rows
from app.demo.salesforce.rest.composite import composite
from app.demo.salesforce.rest.limits import ApiUsage, limits
from app.demo.salesforce.rest.message import Request, Response
from app.demo.salesforce.sosl.resources import parameterized_search, search

OLDEST, NEWEST = 57, 68
_RELEASES = {
    57: "Spring '23", 58: "Summer '23", 59: "Winter '24", 60: "Spring '24", 61: "Summer '24", 62: "Winter '25",
    63: "Spring '25", 64: "Summer '25", 65: "Winter '26", 66: "Spring '26", 67: "Summer '26", 68: "Winter '27",
}  # fmt: skip
_RETIRED_BELOW = 31

Handler = Callable[..., Response]

_NOT_DONE_BY_NAME = (
    "ui-api|chatter|connect|tooling|analytics|jobs|actions|process|recent|tabs|theme|appMenu|quickActions|wave|event"
    "|metadata|support|commerce|consent|knowledgeManagement|licensing|localizedvalue|graphql|folders|eclair|domino"
    "|dedupe|iot|asyncSpecifications|compactLayouts|async-queries|nouns|payments|serviceTemplates|contact-tracing"
    "|prechatForms|smartdatadiscovery|emailConnect|mobile|scheduling"
)
NOT_DONE: tuple[tuple[str, str], ...] = (
    (r"composite/(batch|graph|tree)(/.*)?", "composite/{0}"),
    (rf"({_NOT_DONE_BY_NAME})(/.*)?", "the resource {0}"),
    (r"search/(layout|scopeOrder|suggestions|suggestSearchQueries|suggestTitleMatches)(/.*)?", "search/{0}"),
    (
        r"sobjects/[^/]+/(deleted|updated|listviews|quickActions|eventSchema|namedLayouts|defaultValues|sharing)(/.*)?",
        "sobjects/X/{0}",
    ),
    (r"sobjects/[^/]+/describe/(layouts|compactLayouts|approvalLayouts|recordTypes)(/.*)?", "describe/{0}"),
    (r"sobjects/([^/]+)/[A-Za-z0-9]{15,18}/([^/]+)/.+", "paths below a record's relationship"),
    (r"(query|queryAll)/.+/.+", "paths below {0}"),
)
"""Resources that Salesforce has and this world answers with 501: path pattern and name."""


def versions() -> list[dict[str, str]]:
    """The answer of /services/data, which needs no sign-in."""
    return [
        {"label": _RELEASES[one], "url": f"/services/data/v{one}.0", "version": f"{one}.0"}
        for one in range(OLDEST, NEWEST + 1)
    ]


def check_version(text: str) -> str:
    """A version of a path ("66.0"), if it is offered. Raises ApiError 410, 501 or 404."""
    match = re.fullmatch(r"(\d{1,3})\.0", text)
    if match is None or int(match.group(1)) > NEWEST:
        raise resource_missing()
    number = int(match.group(1))
    if number < _RETIRED_BELOW:
        raise refuse("GONE", f"The API version v{text} is retired", status=410)
    if number < OLDEST:
        raise not_implemented(f"API version {text}; it offers {OLDEST}.0 to {NEWEST}.0")
    return text


class Api:
    """Answers requests by the map below."""

    def __init__(self, usage: Callable[[Org], ApiUsage]) -> None:
        self._usage = usage
        self._routes: list[tuple[re.Pattern[str], dict[str, Handler]]] = []
        for pattern, methods in self._map():
            self._routes.append((re.compile(pattern, re.IGNORECASE), methods))
        self._not_done = [(re.compile(pattern, re.IGNORECASE), name) for pattern, name in NOT_DONE]

    def dispatch(self, request: Request) -> Response:
        """The answer to a request. Raises ApiError; everything it wrote until then is taken back."""
        for pattern, name in self._not_done:
            known = pattern.fullmatch(request.path)
            if known:
                raise not_implemented(name.format(*known.groups()))
        for pattern, methods in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None:
                continue
            handler = methods.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                raise method_not_allowed(request.method, _allowed(methods))
            try:
                with request.org.database.transaction():
                    return handler(request, *match.groups())
            except rows.SeveralMatches as exc:
                return Response(300, exc.urls)
        raise resource_missing()

    def _map(self) -> list[tuple[str, dict[str, Handler]]]:
        key = r"sobjects/([^/]+)/([^/]+)/(.+)"
        return [
            ("", {"GET": self._resources}),
            ("limits", {"GET": self._limits}),
            ("query", {"GET": queries.query}),
            ("queryAll", {"GET": queries.query_all}),
            ("(?:query|queryAll)/([^/]+)", {"GET": queries.query_more}),
            ("search", {"GET": search}),
            ("parameterizedSearch", {"GET": parameterized_search, "POST": parameterized_search}),
            ("composite", {"POST": self._composite}),
            ("composite/sobjects", {"POST": collections.create_all, "PATCH": collections.update_all,
                                    "DELETE": collections.delete_all}),
            ("composite/sobjects/([^/]+)", {"GET": collections.retrieve_all, "POST": collections.retrieve_all}),
            ("composite/sobjects/([^/]+)/([^/]+)", {"PATCH": collections.upsert_all}),
            ("sobjects", {"GET": rows.list_objects}),
            ("sobjects/([^/]+)", {"GET": rows.object_basics, "POST": rows.create}),
            ("sobjects/([^/]+)/describe", {"GET": rows.describe}),
            ("sobjects/([^/]+)/([^/]+)", {"GET": rows.retrieve, "PATCH": rows.update, "DELETE": rows.delete}),
            (key, {"GET": rows.below_row, "PATCH": rows.upsert, "DELETE": rows.delete_by_key}),
        ]  # fmt: skip

    def _composite(self, request: Request) -> Response:
        return composite(request, self.dispatch)

    def _limits(self, request: Request) -> Response:
        return limits(request, self._usage(request.org))

    def _resources(self, request: Request) -> Response:
        base = f"/services/data/v{request.version}"
        names = ("sobjects", "query", "queryAll", "search", "parameterizedSearch", "composite", "limits")
        body: dict[str, Any] = {name: f"{base}/{name}" for name in names}
        return Response(body=body)


def _allowed(methods: dict[str, Handler]) -> list[str]:
    return (["HEAD"] if "GET" in methods else []) + list(methods)
