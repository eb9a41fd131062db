"""OAuth 2.0 authorization code with PKCE (RFC 7636, RFC 8252) as Salesforce speaks it: no client secret, scopes ``id api refresh_token``.

Values and forms only; nothing here opens a socket.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode, urlsplit

from app.auth.hosts import LoginHost, check_instance_url
from app.errors import NotSupported, ValidationFailed
from app.model.crm import JsonObject

SCOPES = ("id", "api", "refresh_token")
WEB_SCOPE = "web"
CALLBACK_PATH = "/OauthRedirect"
CALLBACK_PORTS = (1717, 1718, 1719)

_SALESFORCE_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def callback_address(port: int) -> str:
    """The redirect URI for a port. Salesforce compares it with the registered ones letter by letter, so the host is ``localhost``."""
    return f"http://localhost:{port}{CALLBACK_PATH}"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One attempt to sign in. ``state`` and ``verifier`` are random and die with it."""

    host: LoginHost
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def new(cls, host: LoginHost, client_id: str, redirect_uri: str, *, with_web: bool = False) -> AuthorizationRequest:
        """A request with fresh random values; ``with_web`` asks for the scope that opening records without a sign-in needs."""
        scopes = (*SCOPES, WEB_SCOPE) if with_web else SCOPES
        return cls(host, client_id, redirect_uri, scopes, secrets.token_urlsafe(32), secrets.token_urlsafe(64))

    def sent_back_to(self, redirect_uri: str) -> AuthorizationRequest:
        """The same request with another redirect URI."""
        return replace(self, redirect_uri=redirect_uri)

    @property
    def url(self) -> str:
        """The address to open in the user's browser."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.scopes),
            "state": self.state,
            "code_challenge": code_challenge(self.verifier),
            "code_challenge_method": "S256",
        }
        return f"{self.host.url}/services/oauth2/authorize?{urlencode(query)}"

    def exchange_form(self, code: str) -> dict[str, str]:
        """The form that turns a code into tokens. A public client sends no secret."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }


def code_challenge(verifier: str) -> str:
    """S256 of RFC 7636 4.2: base64url without padding of the verifier's SHA-256."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def refresh_form(client_id: str, refresh_token: str) -> dict[str, str]:
    """The form that renews an access token."""
    return {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id}


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A token answer, checked. ``refresh_token`` is "" when the server kept the old one."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    instance_url: str
    org_id: str
    user_id: str

    @classmethod
    def read(cls, answer: Mapping[str, object] | JsonObject, host: LoginHost) -> TokenGrant:
        """Check a token answer; a user of an Experience Cloud site gets the site's address as the API's.

        Raises NotSupported where it lacks what is needed, ValidationFailed where it names a host that must not get the token.
        """
        access_token = _text(answer, "access_token")
        if not access_token or not access_token.isascii() or not access_token.isprintable():
            raise NotSupported("the token answer holds no usable access token", code="no_access_token")
        org_id, user_id = _identity(_text(answer, "id"))
        return cls(
            access_token=access_token,
            refresh_token=_text(answer, "refresh_token"),
            instance_url=check_instance_url(
                _text(answer, "sfdc_community_url") or _text(answer, "instance_url"),
                login_url=host.url,
                is_demo=host.is_demo,
            ),
            org_id=org_id,
            user_id=user_id,
        )


def is_same_id(one: str, other: str) -> bool:
    """Whether two Salesforce ids name one record: the first 15 characters decide, the last three only protect their case."""
    return bool(_SALESFORCE_ID.fullmatch(one) and _SALESFORCE_ID.fullmatch(other)) and one[:15] == other[:15]


def _identity(address: str) -> tuple[str, str]:
    parts = urlsplit(address).path.rstrip("/").split("/")[-2:] if address else []
    if len(parts) != 2 or not all(_SALESFORCE_ID.fullmatch(part) for part in parts):
        raise ValidationFailed("the token answer does not say who signed in", code="identity_address")
    if not parts[0].startswith("00D") or not parts[1].startswith("005"):
        raise ValidationFailed("the token answer does not name an org and a user", code="identity_address")
    return parts[0], parts[1]


def _text(answer: Mapping[str, object] | JsonObject, name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""
