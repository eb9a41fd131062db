"""Where links lead, in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.message_view.links import link_target, text_of_link, urls_in


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://acme.example/x", ""),
        ("https://acme.example/x", "our offer"),
        ("https://acme.example/x", "https://acme.example/x"),
        ("https://www.acme.example/x", "acme.example"),
        ("https://portal.acme.example/x", "www.acme.example"),
        ("mailto:karl@acme.example", "karl@acme.example"),
        ("tel:+43123", "call"),
    ],
)
def test_an_honest_link_has_no_warning(url: str, shown: str) -> None:
    assert link_target(url, shown).warning == ""


@pytest.mark.parametrize(
    ("url", "shown", "says"),
    [
        ("https://evil.example/x", "https://acme.example/login", "acme.example"),
        ("https://acme.example.evil.example/", "acme.example", "acme.example"),
        ("https://notacme.example/", "acme.example", "acme.example"),
        ("https://evil.co.uk/", "co.uk", "co.uk"),
        ("https://acme.example@evil.example/", "", "@"),
        ("https://192.168.0.1/x", "", "bare network address"),
        ("https://[2001:db8::1]/", "", "bare network address"),
        ("https://3232235521/", "", "bare network address"),
        ("https://xn--acm-epa.example/", "", "look like others"),
        ("http://acme.example/", "", "not encrypted"),
        ("https://[broken", "", "cannot be read"),
    ],
)
def test_a_link_that_may_lie_is_told(url: str, shown: str, says: str) -> None:
    assert says in link_target(url, shown).warning


def test_the_host_comes_first() -> None:
    assert link_target("https://portal.acme.example/a?b=c").words.startswith("portal.acme.example ")
    assert link_target("mailto:karl@acme.example?subject=x").host == "karl@acme.example"


def test_the_text_of_a_link_is_found_in_the_document() -> None:
    document = '<p><a href="https://a.example/?x=1&amp;y=2" rel="noopener"><b>bank</b>.example</a> and <a href="https://b.example/">b</a></p>'
    assert text_of_link(document, "https://a.example/?x=1&y=2") == "bank.example"
    assert text_of_link(document, "https://b.example/") == "b"
    assert text_of_link(document, "https://c.example/") == ""


def test_of_several_links_to_one_place_the_one_that_names_a_host_counts() -> None:
    document = '<a href="https://e.example/">click</a><a href="https://e.example/">bank.example</a>'
    assert text_of_link(document, "https://e.example/") == "bank.example"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://a.example/x.", ["https://a.example/x"]),
        ("(https://a.example/x)", ["https://a.example/x"]),
        ("https://a.example/x_(y)", ["https://a.example/x_(y)"]),
        ("www.a.example, please", ["https://www.a.example"]),
        ("mail mailto:k@a.example now", ["mailto:k@a.example"]),
        ("<https://a.example>", ["https://a.example"]),
        ("javascript:alert(1) file:///etc/passwd", []),
        ("no link here", []),
    ],
)
def test_links_in_plain_text(text: str, found: list[str]) -> None:
    assert [url for _, _, url in urls_in(text)] == found


@given(st.text(max_size=300), st.text(max_size=100))
def test_no_link_is_too_strange(url: str, shown: str) -> None:
    target = link_target(url, shown)
    assert target.url == url


@given(st.text(alphabet=st.sampled_from("htps:/w.a()<>[]{} \"'\u202e"), max_size=200))
def test_links_lie_within_their_text(text: str) -> None:
    for start, end, _url in urls_in(text):
        assert 0 <= start < end <= len(text)
