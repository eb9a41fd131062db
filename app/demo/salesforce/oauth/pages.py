"""The pages of the authorize endpoint: sign in, allow or deny. Plain forms, so that a script can click them too.

Source: "OAuth 2.0 Web Server Flow" in Salesforce Help; a missing ``code_challenge_method`` is taken as S256, since
Salesforce's own tools send none.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from app.demo.salesforce.loading import password_hash
from app.demo.salesforce.oauth.endpoints import Answer, Client
from app.demo.salesforce.oauth.tokens import CodeRequest, TokenStore
from app.demo.salesforce.org import Org

AUTHORIZE = "/services/oauth2/authorize"
LOGIN = "/login"
APPROVE = "/setup/secur/RemoteAccessAuthorizationPage.apexp"
COOKIE = "sid"
SCOPES = ("id", "api", "web", "refresh_token", "offline_access", "full")
_STYLE = (
    ":root{color-scheme:light dark;--page:#f3f6f9;--card:#fff;--ink:#16325c;--soft:#5a6b82;--line:#c9d3e0;--blue:#0b5cab}"
    "@media(prefers-color-scheme:dark){:root{--page:#14181d;--card:#1f252d;--ink:#e6edf5;--soft:#9fb0c3;--line:#3c4856;"
    "--blue:#6cb2ff}}"
    "body{font:16px system-ui,sans-serif;background:var(--page);color:var(--ink);display:grid;place-items:center;"
    "min-height:100vh;margin:0}main{background:var(--card);padding:2rem 2.5rem;margin:1.5rem;border-radius:8px;"
    "width:26rem;max-width:calc(100vw - 8rem);box-shadow:0 2px 10px #0002}h1{font-size:1.25rem;margin-top:0}"
    "h2{font-size:.9rem;margin:1.2rem 0 .5rem;color:var(--soft)}label{display:block;margin:.6rem 0 .2rem}"
    "input,button{width:100%;box-sizing:border-box;border-radius:4px;font:inherit}"
    "input{padding:.5rem;border:1px solid var(--line);background:var(--card);color:inherit}"
    "button{padding:.6rem;margin-top:.6rem;border:1px solid #0b5cab;background:#0b5cab;color:#fff;cursor:pointer}"
    "button.plain{background:none;color:var(--blue);border-color:var(--line);margin:0}"
    ".users{display:grid;grid-template-columns:1fr 1fr;gap:.5rem}.users button{font-size:.85rem;padding:.45rem .3rem}"
    "#oadeny{margin-top:.6rem}.note{color:var(--soft);font-size:.85rem}.error{color:#d13f37}"
)


@dataclass(frozen=True)
class DemoUser:
    """A user whom the sign-in page offers with one click, under the name of the org."""

    username: str
    password: str
    label: str
    org_name: str


@dataclass(frozen=True)
class BrowserSession:
    """A signed-in browser. ``form_key`` must come back with a decision, so that no other page can make it."""

    org_id: str
    user_id: str
    form_key: str


class BrowserSessions:
    """Who is signed in, by cookie."""

    def __init__(self) -> None:
        self._sessions: dict[str, BrowserSession] = {}

    def open(self, org_id: str, user_id: str) -> str:
        """Sign a browser in; the value of its cookie."""
        sid = secrets.token_urlsafe(32)
        self._sessions[sid] = BrowserSession(org_id, user_id, secrets.token_urlsafe(16))
        return sid

    def get(self, sid: str) -> BrowserSession | None:
        """The session of a cookie."""
        return self._sessions.get(sid)

    def close_all(self) -> None:
        """Sign every browser out."""
        self._sessions.clear()


class OAuthPages:
    """Authorize, sign in, approve."""

    def __init__(
        self,
        tokens: TokenStore,
        orgs: Mapping[str, Org],
        clients: Mapping[str, Client],
        users: Sequence[DemoUser],
        sessions: BrowserSessions,
        stored_hash: Callable[[str], str],
    ) -> None:
        self._tokens = tokens
        self._orgs = orgs
        self._clients = clients
        self._users = users
        self._sessions = sessions
        self._stored_hash = stored_hash

    def authorize(self, query: Mapping[str, str], sid: str) -> Answer:
        """GET authorize: the sign-in page, the approval page, or at once the callback."""
        problem = self._problem(query)
        if problem is not None:
            return problem
        session = self._sessions.get(sid)
        if session is None or "login" in query.get("prompt", "").split():
            return self._login_page(query)
        client = self._clients[query["client_id"]]
        asked_again = "consent" in query.get("prompt", "").split()
        if self._tokens.has_approved(client.client_id, session.user_id) and not asked_again:
            return self._with_code(query, session)
        return self._approval_page(query, client, session)

    def login(self, form: Mapping[str, str]) -> Answer:
        """POST of the sign-in page: back to authorize with a cookie, or the page again with a message."""
        query = _unpacked(form.get("startURL", ""))
        problem = self._problem(query)
        if problem is not None:
            return problem
        username = form.get("username", "").strip()
        found = self._user(username)
        if found is None or self._stored_hash(username.lower()) != password_hash(form.get("pw", "")):
            text = "Please check your username and password. If you still can't log in, contact your administrator."
            return self._login_page(query, text)
        org, user_id = found
        again = {name: value for name, value in query.items() if name != "prompt"}
        if "consent" in query.get("prompt", "").split():
            again["prompt"] = "consent"
        sid = self._sessions.open(org.org_id, user_id)
        headers = {"Location": f"{AUTHORIZE}?{urlencode(again)}", "Set-Cookie": cookie(sid)}
        return Answer(302, "", headers)

    def decide(self, form: Mapping[str, str], sid: str) -> Answer:
        """POST of the approval page: the callback with a code, or with access_denied."""
        query = _unpacked(form.get("startURL", ""))
        problem = self._problem(query)
        if problem is not None:
            return problem
        session = self._sessions.get(sid)
        if session is None or form.get("key") != session.form_key:
            return self._login_page(query)
        if form.get("decision") != "allow":
            return _callback(query, {"error": "access_denied", "error_description": "end-user denied authorization"})
        return self._with_code(query, session)

    def _problem(self, query: Mapping[str, str]) -> Answer | None:
        """What is wrong with the request: shown in the browser until the callback is known to be good."""
        client = self._clients.get(query.get("client_id", ""))
        if client is None:
            return _error_page("invalid_client_id", "client identifier invalid")
        if query.get("redirect_uri") not in client.redirect_uris:
            return _error_page("redirect_uri_mismatch", "redirect_uri must match configuration")
        error = description = ""
        unknown = [one for one in query.get("scope", "").split() if one not in SCOPES]
        if query.get("response_type") != "code":
            error, description = "unsupported_response_type", "response type not supported"
        elif query.get("code_challenge_method", "S256") != "S256":
            error, description = "invalid_request", "code_challenge_method must be S256"
        elif client.requires_pkce and not query.get("code_challenge"):
            error, description = "invalid_request", "missing required code challenge"
        elif unknown:
            error, description = "invalid_scope", f"the requested scope is not allowed: {unknown[0]}"
        return _callback(query, {"error": error, "error_description": description}) if error else None

    def _user(self, username: str) -> tuple[Org, str] | None:
        for org in self._orgs.values():
            user = org.user_named(username)
            if user is not None and user["IsActive"]:
                return org, str(user["Id"])
        return None

    def _with_code(self, query: Mapping[str, str], session: BrowserSession) -> Answer:
        request = CodeRequest(
            org_id=session.org_id,
            user_id=session.user_id,
            client_id=query["client_id"],
            redirect_uri=query["redirect_uri"],
            scope=query.get("scope") or "api id refresh_token web",
            challenge=query.get("code_challenge", ""),
        )
        return _callback(query, {"code": self._tokens.issue_code(request)})

    def _login_page(self, query: Mapping[str, str], message: str = "") -> Answer:
        start = f'<input type="hidden" name="startURL" value="{html.escape(urlencode(query))}">'
        hint = query.get("login_hint", "")
        offered = [one for one in self._users if not hint or one.username == hint] or list(self._users)
        groups = "".join(
            f'<h2>{html.escape(org_name)}</h2><div class="users">'
            + "".join(_one_click(one, start) for one in offered if one.org_name == org_name)
            + "</div>"
            for org_name in dict.fromkeys(one.org_name for one in offered)
        )
        error = f'<p class="error" role="alert">{html.escape(message)}</p>' if message else ""
        content = (
            f'<h1>Log in to the demo org</h1>{error}<form method="post" action="{LOGIN}" id="login_form">{start}'
            f'<label for="username">Username</label><input id="username" name="username" value="{html.escape(hint)}" '
            'autocomplete="username"><label for="password">Password</label>'
            '<input id="password" name="pw" type="password" autocomplete="current-password">'
            f'<button id="Login">Log In</button></form><h2>Or with one click as</h2>{groups}'
            '<p class="note">This is a simulated Salesforce on your own computer.</p>'
        )
        return _page("Log in", content)

    def _approval_page(self, query: Mapping[str, str], client: Client, session: BrowserSession) -> Answer:
        org = self._orgs[session.org_id]
        user = org.user(session.user_id) or {}
        wants = {
            "id": "Access your identity",
            "api": "Manage your data (API)",
            "web": "Open Salesforce pages for you",
            "refresh_token": "Do this at any time, until you revoke it",
            "offline_access": "Do this at any time, until you revoke it",
            "full": "Everything you can do",
        }
        scopes = query.get("scope", "").split() or ["api", "id", "refresh_token", "web"]
        items = "".join(f"<li>{html.escape(wants[one])}</li>" for one in scopes)
        form = (
            f'<form method="post" action="{APPROVE}"><input type="hidden" name="startURL" '
            f'value="{html.escape(urlencode(query))}"><input type="hidden" name="key" value="{session.form_key}">'
        )
        content = (
            f"<h1>Allow access?</h1><p>{html.escape(client.name)} is asking to:</p><ul>{items}</ul>"
            f'<p class="note">You are logged in as {html.escape(str(user.get("Username", "")))} '
            f"({html.escape(org.settings.name)}).</p>"
            f'{form}<button id="oaapprove" name="decision" value="allow">Allow</button>'
            '<button id="oadeny" class="plain" name="decision" value="deny">Deny</button></form>'
        )
        return _page("Allow access?", content)


def cookie(sid: str) -> str:
    """The header value that gives a browser its session."""
    return f"{COOKIE}={sid}; Path=/; HttpOnly; SameSite=Lax"


def _one_click(user: DemoUser, start: str) -> str:
    return (
        f'<form method="post" action="{LOGIN}">{start}'
        f'<input type="hidden" name="username" value="{html.escape(user.username)}">'
        f'<input type="hidden" name="pw" value="{html.escape(user.password)}">'
        f'<button class="plain">{html.escape(user.label)}</button></form>'
    )


def _callback(query: Mapping[str, str], values: Mapping[str, str]) -> Answer:
    with_state = {**values, "state": query["state"]} if "state" in query else dict(values)
    target = query["redirect_uri"]
    joint = "&" if "?" in target else "?"
    return Answer(302, "", {"Location": target + joint + urlencode(with_state, quote_via=quote)})


def _unpacked(start_url: str) -> dict[str, str]:
    return dict(parse_qsl(start_url, keep_blank_values=True))


def _error_page(error: str, description: str) -> Answer:
    content = (
        f"<h1>We can't authorize you</h1><p>The app's request has an error.</p>"
        f"<p class='error'>error={html.escape(error)}&amp;error_description={html.escape(quote(description))}</p>"
    )
    page = _page("Authorization error", content)
    page.status = 400
    return page


def _page(title: str, content: str) -> Answer:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main>{content}</main></body></html>"
    )
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
    }
    return Answer(200, text, headers)
