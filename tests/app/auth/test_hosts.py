"""Which hosts may get a token (reliability page A7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.hosts import check_instance_url, check_login_url
from app.errors import ValidationFailed

LOGIN = "https://login.salesforce.com"


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("login.salesforce.com", LOGIN),
        (" https://test.salesforce.com/ ", "https://test.salesforce.com"),
        ("HTTPS://Acme.My.Salesforce.com:443", "https://acme.my.salesforce.com"),
        ("https://acme--dev.sandbox.my.salesforce.com", "https://acme--dev.sandbox.my.salesforce.com"),
        ("https://acme.my.site.com/partners/", "https://acme.my.site.com/partners"),
        ("https://crm.acme.example:8443/de/portal", "https://crm.acme.example:8443/de/portal"),
    ],
)
def test_addresses_a_person_types(typed: str, normal: str) -> None:
    assert check_login_url(typed, is_demo=False) == normal


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "http://login.salesforce.com",
        "ftp://login.salesforce.com",
        "javascript:alert(1)",
        "https://",
        "https://localhost",
        "https://127.0.0.1",
        "https://acme",
        "https://user@login.salesforce.com",
        "https://login.salesforce.com@evil.example",
        "https://login.salesforce.com?x=1",
        "https://login.salesforce.com#x",
        "https://login.salesforce.com/../x",
        "https://login.salesforce.com/%2e%2e/x",
        "https://login.salesforce.com\\@evil.example",
        "https://login.salesforce.com\n.evil.example",
        "https://login.salesforce.com:99999",
        "https://login.sälesforce.com",
        "https://" + "a" * 3000 + ".com",
        "https://-a-.com",
    ],
)
def test_addresses_that_are_refused(typed: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        check_login_url(typed, is_demo=False)
    assert caught.value.code == "login_address"


@pytest.mark.parametrize(
    "answered",
    [
        "https://acme.my.salesforce.com",
        "https://eu5.force.com",
        "https://acme.my.site.com/partners",
        "https://sso.acme.example",
    ],
)
def test_hosts_that_may_get_the_token(answered: str) -> None:
    assert check_instance_url(answered, login_url="https://sso.acme.example", is_demo=False) == answered


@pytest.mark.parametrize(
    "answered",
    [
        "http://acme.my.salesforce.com",
        "https://x.salesforce.com.evil.tld",
        "https://evilsalesforce.com",
        "https://salesforce.com",
        "https://evil.example",
        "https://evil.example/.salesforce.com",
        "https://evil.example#.salesforce.com",
        "https://evil.example?.salesforce.com",
        "https://acme.my.salesforce.com:8443@evil.example",
        "https://127.0.0.1",
        "",
    ],
)
def test_hosts_that_must_not_get_the_token(answered: str) -> None:
    with pytest.raises(ValidationFailed):
        check_instance_url(answered, login_url=LOGIN, is_demo=False)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8080", "http://localhost:1", "https://[::1]:99", "https://127.0.0.1"]
)
def test_a_demo_world_is_on_this_machine(address: str) -> None:
    assert check_login_url(address, is_demo=True) == address
    assert check_instance_url(address, login_url="http://localhost:2", is_demo=True) == address


@pytest.mark.parametrize(
    "address",
    ["http://acme.example", "https://login.salesforce.com", "http://10.0.0.1", "http://127.0.0.1.evil.example"],
)
def test_a_demo_world_is_nowhere_else(address: str) -> None:
    with pytest.raises(ValidationFailed):
        check_login_url(address, is_demo=True)


@given(st.text(max_size=80))
def test_any_text_is_normalised_or_refused(text: str) -> None:
    try:
        normal = check_instance_url(text, login_url=LOGIN, is_demo=False)
    except ValidationFailed:
        return
    assert normal.startswith("https://")
    assert check_instance_url(normal, login_url=LOGIN, is_demo=False) == normal
