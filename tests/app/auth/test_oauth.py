"""PKCE, the authorize address, and the reading of token answers."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from app.auth.hosts import LoginHost
from app.auth.oauth import AuthorizationRequest, TokenGrant, callback_address, code_challenge, is_same_id
from app.errors import AppError, NotSupported, ValidationFailed

HOST = LoginHost("https://login.salesforce.com")
ORG = "00D5e000000PRODEA4"
USER = "0055e000000RITAEA4"
ANSWER = {
    "access_token": "00D!AQ.x_y",
    "refresh_token": "5Aep861",
    "instance_url": "https://acme.my.salesforce.com",
    "id": f"https://login.salesforce.com/id/{ORG}/{USER}",
    "scope": "refresh_token api id",
    "token_type": "Bearer",
}


def test_the_challenge_of_rfc_7636_appendix_b() -> None:
    assert (
        code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_the_authorize_address() -> None:
    request = AuthorizationRequest.new(HOST, "3MVG9.key", callback_address(1717))
    parts = urlsplit(request.url)
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "login.salesforce.com", "/services/oauth2/authorize")
    assert query == {
        "response_type": ["code"],
        "client_id": ["3MVG9.key"],
        "redirect_uri": ["http://localhost:1717/OauthRedirect"],
        "scope": ["id api refresh_token"],
        "state": [request.state],
        "code_challenge": [code_challenge(request.verifier)],
        "code_challenge_method": ["S256"],
    }
    assert 43 <= len(request.verifier) <= 128
    assert request.verifier not in request.url
    assert request.verifier not in repr(request)


def test_web_is_asked_for_only_when_wanted() -> None:
    request = AuthorizationRequest.new(HOST, "key", "uri", with_web=True)
    assert parse_qs(urlsplit(request.url).query)["scope"] == ["id api refresh_token web"]


def test_two_attempts_share_nothing() -> None:
    one, two = (AuthorizationRequest.new(HOST, "key", "uri") for _ in range(2))
    assert one.state != two.state
    assert one.verifier != two.verifier


def test_the_exchange_sends_no_secret() -> None:
    request = AuthorizationRequest.new(HOST, "key", "").sent_back_to("http://localhost:1718/OauthRedirect")
    form = request.exchange_form("aPrx==")
    assert form == {
        "grant_type": "authorization_code",
        "code": "aPrx==",
        "client_id": "key",
        "redirect_uri": "http://localhost:1718/OauthRedirect",
        "code_verifier": request.verifier,
    }


def test_a_token_answer() -> None:
    grant = TokenGrant.read(ANSWER, HOST)
    assert (grant.access_token, grant.refresh_token) == ("00D!AQ.x_y", "5Aep861")
    assert (grant.instance_url, grant.org_id, grant.user_id) == ("https://acme.my.salesforce.com", ORG, USER)
    assert "AQ.x_y" not in repr(grant)
    assert "5Aep861" not in repr(grant)


def test_a_user_of_a_site_speaks_to_the_site() -> None:
    answer = ANSWER | {"sfdc_community_url": "https://acme.my.site.com/partners"}
    assert TokenGrant.read(answer, HOST).instance_url == "https://acme.my.site.com/partners"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"access_token": ""}, NotSupported),
        ({"access_token": "a\r\nX-Evil: 1"}, NotSupported),
        ({"access_token": 7}, NotSupported),
        ({"access_token": None}, NotSupported),
        ({"instance_url": "http://acme.my.salesforce.com"}, ValidationFailed),
        ({"instance_url": "https://x.salesforce.com.evil.tld"}, ValidationFailed),
        ({"instance_url": None}, ValidationFailed),
        ({"sfdc_community_url": "https://evil.example"}, ValidationFailed),
        ({"id": ""}, ValidationFailed),
        ({"id": "https://login.salesforce.com/id/x/y"}, ValidationFailed),
        ({"id": f"https://login.salesforce.com/id/{USER}/{ORG}"}, ValidationFailed),
    ],
)
def test_token_answers_that_are_refused(change: dict[str, object], kind: type[AppError]) -> None:
    with pytest.raises(kind):
        TokenGrant.read(ANSWER | change, HOST)


def test_ids_of_15_and_18_characters_are_one() -> None:
    assert is_same_id(ORG, ORG[:15])
    assert not is_same_id(ORG, ORG.lower())
    assert not is_same_id("", "")
