"""The admin interface: faults, network, tokens, limits, clock, queries without cost, mail. HTTP with JSON on loopback.

Used by tests, by ``dev.py demo`` and by benchmarks; it is no part of what is simulated.
"""

from __future__ import annotations

import base64
import binascii
import email.message
import email.policy
import email.utils
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from app.demo.clock import DemoClock
from app.demo.mail import NoSuchMailbox
from app.demo.salesforce.access import ADMINISTRATOR, Actor, Profile
from app.demo.salesforce.errors import ApiError
from app.demo.salesforce.http.ports import bound_socket
from app.demo.salesforce.org import Org
from app.demo.salesforce.reading import whole_record
from app.demo.salesforce.rest.api import NEWEST
from app.demo.salesforce.writing.writer import Writer
from app.demo.world import World

Answer = dict[str, Any]
_VERSION = f"{NEWEST}.0"
_MAIL_SERVICES = ("imap", "smtp")


class BadRequest(Exception):
    """The admin request is not understood; the text says why."""


class AdminServer:
    """Serves the admin interface of one world."""

    def __init__(self, world: World, stop: Callable[[], None]) -> None:
        self._world = world
        self._stop = stop
        self._socket = bound_socket(world.host, world.admin_port)
        world.keep_admin_port(self._socket.getsockname()[1])
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        host = f"[{self._world.host}]" if ":" in self._world.host else self._world.host
        return f"http://{host}:{self._socket.getsockname()[1]}"

    @property
    def _clock(self) -> DemoClock:
        return self._world.clock

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=256 * 2**20)
        gets: Mapping[str, Callable[[web.Request], Awaitable[Answer]]] = {
            "/requests": self._requests,
            "/faults": self._faults,
            "/clock": self._show_clock,
            "/soql": self._soql,
            "/records": self._records,
            "/mail/sent": self._sent,
            "/mail/messages": self._messages,
        }
        posts: Mapping[str, Callable[[Any], Awaitable[Answer]]] = {
            "/requests/clear": self._clear_requests,
            "/faults": self._inject,
            "/faults/clear": self._clear_faults,
            "/network": self._network,
            "/tokens": self._tokens,
            "/limit": self._limit,
            "/clock": self._advance,
            "/longest_call": self._longest_call,
            "/records": self._insert,
            "/mail/deliver": self._deliver,
            "/reset": self._reset,
            "/stop": self._stop_world,
        }
        for path, get in gets.items():
            app.router.add_get(path, self._wrap_get(get))
        for path, post in posts.items():
            app.router.add_post(path, self._wrap_post(post))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _wrap_get(
        self, handler: Callable[[web.Request], Awaitable[Answer]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            return await _answer(handler(request))

        return answer

    def _wrap_post(
        self, handler: Callable[[Any], Awaitable[Answer]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                body = await request.json() if request.can_read_body else {}
            except ValueError:
                return web.json_response({"error": "the body is no JSON"}, status=400)
            if not isinstance(body, dict):
                return web.json_response({"error": "the body must be a JSON object"}, status=400)
            return await _answer(handler(body))

        return answer

    async def _requests(self, _: web.Request) -> Answer:
        return self._world.journal.as_json()

    async def _clear_requests(self, _: Any) -> Answer:
        self._world.journal.clear()
        return {}

    async def _faults(self, _: web.Request) -> Answer:
        return {"faults": [*self._world.faults.as_json(), *self._world.mail_faults.as_json()]}

    async def _inject(self, spec: Any) -> Answer:
        if spec.get("where") in _MAIL_SERVICES:
            self._world.mail_faults.inject(spec["where"], spec.get("fault") or {}, int(spec.get("times", 1)))
            return {}
        return {"fault": self._world.faults.inject(spec).as_json()}

    async def _clear_faults(self, _: Any) -> Answer:
        self._world.faults.clear()
        self._world.mail_faults.clear()
        return {}

    async def _network(self, spec: Any) -> Answer:
        for service, state in spec.items():
            if state not in ("up", "down") or service not in ("salesforce", *_MAIL_SERVICES):
                raise BadRequest("the network of salesforce, imap and smtp is up or down")
        for service, state in spec.items():
            if service == "salesforce":
                await self._world.salesforce.set_network(up=state == "up")
            else:
                self._world.mail_faults.set_network(service, up=state == "up")
        return {}

    async def _tokens(self, spec: Any) -> Answer:
        user, action = str(spec.get("user") or ""), spec.get("action")
        service = self._world.service
        if action == "expire_access":
            return {"count": service.expire_access(user)}
        if action == "revoke_refresh":
            return {"count": service.revoke(user)}
        if action in ("rotate_on", "rotate_off"):
            service.switch_rotation(user, on=action == "rotate_on")
            return {}
        raise BadRequest("action must be expire_access, revoke_refresh, rotate_on or rotate_off")

    async def _limit(self, spec: Any) -> Answer:
        usage = self._world.service.usage[self._org(spec.get("org")).org_id]
        used, maximum = spec.get("used"), spec.get("max")
        usage.set(None if used is None else int(used), None if maximum is None else int(maximum))
        return {"used": usage.used, "max": usage.maximum}

    async def _show_clock(self, _: web.Request) -> Answer:
        clock = self._clock
        return {"now": clock.now().isoformat(), "offset_s": clock.offset_s, "pending": clock.pending}

    async def _advance(self, spec: Any) -> Answer:
        self._clock.advance(float(spec["advance_s"]))
        return {"now": self._clock.now().isoformat(), "offset_s": self._clock.offset_s, "pending": self._clock.pending}

    async def _longest_call(self, spec: Any) -> Answer:
        self._world.faults.longest_call_s = float(spec["s"])
        return {"s": self._world.faults.longest_call_s}

    async def _soql(self, request: web.Request) -> Answer:
        org = self._org(request.query.get("org"))
        actor = _administrator(org)
        statement = request.query.get("q", "")
        answer = org.queries.run(statement, actor, org.moments(actor.user_id), _VERSION)
        while not answer["done"]:
            locator = str(answer["nextRecordsUrl"]).rpartition("/")[2]
            page = org.queries.more(locator, actor)
            answer = {**page, "records": answer["records"] + page["records"]}
        answer.pop("nextRecordsUrl", None)
        return answer

    async def _records(self, request: web.Request) -> Answer:
        org = self._org(request.query.get("org"))
        sobject = org.schema.get(request.query.get("object", ""))
        if sobject is None:
            raise BadRequest("no such object")
        rows = org.tables.find(sobject.name)
        fields = list(sobject.fields)
        return {"records": [whole_record(org.tables, sobject, fields, row, _VERSION) for row in rows]}

    async def _insert(self, spec: Any) -> Answer:
        org = self._org(spec.get("org"))
        sobject = org.schema.get(str(spec.get("object")))
        if sobject is None:
            raise BadRequest("no such object")
        user = org.user_named(str(spec["user"])) if spec.get("user") else None
        actor = Actor(str(user["Id"]), Profile(ADMINISTRATOR)) if user else _administrator(org)
        return {"id": Writer(org, actor).create(sobject.name, spec.get("fields") or {})}

    async def _deliver(self, spec: Any) -> Answer:
        raw = _raw_message(spec, self._clock)
        uid = await self._world.mail.deliver(
            str(spec["user"]), str(spec.get("folder", "INBOX")), raw, tuple(spec.get("flags", ()))
        )
        return {"uid": uid}

    async def _sent(self, _: web.Request) -> Answer:
        return {
            "sent": [
                {"from": one.sender, "recipients": list(one.recipients), "time": one.when.isoformat(),
                 "raw_base64": base64.b64encode(one.raw).decode()}
                for one in self._world.mail.sent()
            ]
        }  # fmt: skip

    async def _messages(self, request: web.Request) -> Answer:
        found = self._world.mail.messages(request.query.get("user", ""), request.query.get("folder"))
        return {
            "messages": [
                {"folder": one.folder, "uid": one.uid, "flags": list(one.flags), "date": one.internal_date.isoformat(),
                 "raw_base64": base64.b64encode(one.raw).decode()}
                for one in found
            ]
        }  # fmt: skip

    async def _reset(self, _: Any) -> Answer:
        await self._world.reset()
        return {}

    async def _stop_world(self, _: Any) -> Answer:
        self._stop()
        return {}

    def _org(self, org_id: Any) -> Org:
        orgs = self._world.service.orgs
        if not org_id:
            return next(iter(orgs.values()))
        found = next((org for key, org in orgs.items() if str(org_id) in (key, key[:15])), None)
        if found is None:
            raise BadRequest("no such org")
        return found


def _administrator(org: Org) -> Actor:
    return Actor(org.system().user_id, Profile(ADMINISTRATOR))


async def _answer(work: Awaitable[Answer]) -> web.Response:
    try:
        return web.json_response(await work)
    except ApiError as exc:
        return web.json_response({"error": exc.body()}, status=exc.status)
    except NoSuchMailbox as exc:
        return web.json_response({"error": str(exc)}, status=404)
    except KeyError as exc:
        return web.json_response({"error": f"missing or unknown: {exc}"}, status=400)
    except (BadRequest, ValueError, TypeError) as exc:
        return web.json_response({"error": str(exc)}, status=400)


def _raw_message(spec: Mapping[str, Any], clock: DemoClock) -> bytes:
    """The message of a delivery: raw, or made of from, to, cc, subject, text, html, message_id and further headers."""
    if spec.get("raw_base64"):
        try:
            return base64.b64decode(str(spec["raw_base64"]), validate=True)
        except binascii.Error as exc:
            raise BadRequest("raw_base64 is not base64") from exc
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = str(spec["from"])
    message["To"] = str(spec.get("to") or spec["user"])
    if spec.get("cc"):
        message["Cc"] = str(spec["cc"])
    message["Subject"] = str(spec.get("subject", ""))
    message["Date"] = email.utils.format_datetime(clock.now())
    message["Message-ID"] = str(spec.get("message_id") or email.utils.make_msgid(domain="demo.example"))
    for name, value in (spec.get("headers") or {}).items():
        message[name] = str(value)
    message.set_content(str(spec.get("text", "")))
    if spec.get("html"):
        message.add_alternative(str(spec["html"]), subtype="html")
    for attachment in spec.get("attachments") or ():
        maintype, _, subtype = str(attachment.get("type", "application/octet-stream")).partition("/")
        data = base64.b64decode(attachment["base64"])
        message.add_attachment(data, maintype=maintype, subtype=subtype, filename=attachment["name"])
    return bytes(message)
