"""Real shapes of mail are read right, and no shape stops the reader."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mail.mime import (
    UnreadableMessage,
    decode_text,
    decode_words,
    extract,
    inline_image,
    part_bytes,
    raster_type,
    read,
)
from app.mail.plain_text import html_to_text, new_text, snippet

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def newsletter() -> bytes:
    message = EmailMessage()
    message["Subject"] = "Herbstangebote für Sie"
    message["From"] = "Acme GmbH <news@acme.example>"
    message.set_content("Only the text")
    message.add_alternative(
        '<p>Hello <img src="cid:logo@acme" alt="Acme"> and <img src="https://t.example/p.gif"></p>', subtype="html"
    )
    html = message.get_payload()[1]
    html.add_related(PNG, "image", "png", cid="<logo@acme>", filename="logo.png")
    message.add_attachment(b"%PDF-1.7 offer", maintype="application", subtype="pdf", filename="Angebot für Q4.pdf")
    return message.as_bytes()


def test_a_newsletter_with_everything() -> None:
    body = read(newsletter())
    assert body.text.strip() == "Only the text"
    assert 'src="cid:logo@acme"' in body.html
    assert body.remote_images == 1
    assert [part.filename for part in body.attachments] == ["Angebot für Q4.pdf"]
    assert [part.content_id for part in body.inline_parts] == ["logo@acme"]
    assert body.attachments[0].size == len(b"%PDF-1.7 offer")


def test_parts_are_numbered_as_imap_does() -> None:
    raw = newsletter()
    part = read(raw).attachments[0]
    assert part.part_id == "2"
    assert part_bytes(raw, "2")[1] == b"%PDF-1.7 offer"
    assert part_bytes(raw, "1.2.2")[1] == PNG
    with pytest.raises(KeyError):
        part_bytes(raw, "7")


def test_an_inline_image_is_served_by_its_own_bytes() -> None:
    assert inline_image(newsletter(), "logo@acme") == ("image/png", PNG)
    assert inline_image(newsletter(), "other") is None


def test_svg_is_never_an_inline_image() -> None:
    assert raster_type(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>") == ""


def test_index_text_and_names() -> None:
    parsed = extract(newsletter())
    assert parsed.text.strip() == "Only the text"
    assert parsed.attachment_names == ("Angebot für Q4.pdf",)
    assert parsed.has_attachments


def test_html_only_gives_words() -> None:
    raw = b"Content-Type: text/html; charset=utf-8\r\n\r\n<div style='display:none'>hidden</div><p>Dear Rita,</p><p>see you<br>soon</p>"
    assert extract(raw).text == "Dear Rita,\n\nsee you\nsoon"


def test_a_forwarded_message_is_one_attachment() -> None:
    inner = EmailMessage()
    inner["Subject"] = "Old offer"
    inner.set_content("inner text")
    outer = EmailMessage()
    outer["Subject"] = "Fwd"
    outer.set_content("see attached")
    outer.add_attachment(inner)
    body = read(outer.as_bytes())
    assert [part.filename for part in body.attachments] == ["Old offer.eml"]
    assert b"inner text" in part_bytes(outer.as_bytes(), body.attachments[0].part_id)[1]
    assert "inner text" not in body.text


def test_parts_are_never_joined() -> None:
    raw = (
        b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>one</p><img src="http://x/'
        b'\r\n--b\r\nContent-Type: text/plain\r\n\r\nsecret\r\n--b\r\nContent-Type: text/html\r\n\r\n"><p>two</p>\r\n--b--\r\n'
    )
    body = read(raw)
    assert "secret" not in body.html
    assert "two" not in body.html


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("iso-8859-1", b"Gr\xfc\xdfe", "Grüße"),
        ("windows-1252", b"\x80 100", "€ 100"),
        ("iso-2022-jp", "見積".encode("iso-2022-jp"), "見積"),
        ("koi8-r", "Привет".encode("koi8-r"), "Привет"),
        ("unknown-8bit", "Grüße".encode(), "Grüße"),
        ("x-nonsense", b"Gr\xfc\xdfe", "Grüße"),
        ("hex_codec", b"4142", "4142"),
        ("idna", b"abc", "abc"),
        ("zz\x00-9", b"abc", "abc"),
        ("", b"abc", "abc"),
    ],
)
def test_charsets(charset: str, data: bytes, text: str) -> None:
    assert decode_text(data, charset) == text


def test_encoded_words() -> None:
    assert decode_words("=?iso-8859-1?q?Gr=FC=DFe?= =?utf-8?b?4oKs?=") == "Grüße€"
    assert decode_words("=?utf-8?q?a=0D=0ABcc:_evil@x?=") == "a Bcc: evil@x"
    assert decode_words("=?bad") == "=?bad"


HOSTILE = [
    b"",
    b"\x00" * 100,
    b"no header at all",
    b"Content-Type: multipart/mixed\r\n\r\nno boundary",
    b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx',
    b'Content-Type: text/plain; charset="zz\x00-9"\r\n\r\nx',
    b"Content-Type: text/plain; charset=hex_codec\r\n\r\nx",
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!A",
    b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 666 ../../x\r\n#0V%T\r\nend",
    b"Content-Type: text/plain; name*0*=utf-8''..%2F; name*1*=x\r\nContent-Disposition: attachment; filename*0*=zz'zz'%ff\r\n\r\nx",
    b"Message-ID: <>\r\nFrom: a@[\r\nDate: 1 Jan 99999999999 00:00:00 +0000\r\n\r\nx",
    b"Content-Type: message/rfc822\r\n\r\n" * 50 + b"\r\nx",
    b"Content-Type: text/html; charset=idna\r\n\r\n<p>caf\xe9",
    b"Content-Type: text/plain; charset=punycode\r\n\r\n\xff\xfe",
    b'Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary="\xc3\xa4"\r\n\r\n--\xc3\xa4\r\n\r\nx\r\n--\xc3\xa4--',
    b"From: " + b"(" * 2000 + b")" * 2000 + b"\r\n\r\nx",
    b"Subject: " + b"=?utf-8?b?QUFB?= " * 20000 + b"\r\n\r\nx",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_messages_are_read_or_refused(number: int) -> None:
    try:
        body = read(HOSTILE[number])
        extract(HOSTILE[number])
    except UnreadableMessage:
        return
    assert isinstance(body.text, str)


def test_a_charset_that_is_none_costs_nothing() -> None:
    assert extract(b"Content-Type: text/html; charset=idna\r\n\r\n<p>caf\xe9").text == "café"
    assert read(b"Content-Type: text/plain; charset=undefined\r\n\r\nGr\xc3\xbc\xc3\x9fe").text == "Grüße"


@pytest.mark.parametrize(
    "name", ["Rechnung März.pdf".encode(), "Rechnung März.pdf".encode("latin-1"), b"=?utf-8?q?Rechnung_M=C3=A4rz.pdf?="]
)
def test_attachment_names_in_raw_bytes(name: bytes) -> None:
    raw = b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="' + name + b'"\r\n\r\n%PDF'
    assert [part.filename for part in read(raw).attachments] == ["Rechnung März.pdf"]


def test_an_attachment_name_in_pieces() -> None:
    raw = (
        b"Content-Type: application/pdf\r\n"
        b"Content-Disposition: attachment;\r\n filename*0*=utf-8''Rechnung%20;\r\n filename*1*=M%C3%A4rz.pdf\r\n\r\n%PDF"
    )
    assert [part.filename for part in read(raw).attachments] == ["Rechnung März.pdf"]


def test_a_flood_of_tags_is_shown_as_text() -> None:
    body = read(b"Content-Type: text/html\r\n\r\n" + b"<div>word" * 200_000)
    assert body.html == ""
    assert "too large" in body.problem
    assert body.text.startswith("word")


def test_nesting_bombs_are_refused() -> None:
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000))
    with pytest.raises(UnreadableMessage):
        read(raw)


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for function in (read, extract):
        try:
            function(raw)
        except UnreadableMessage:
            continue


@given(st.text(max_size=300), st.sampled_from(["utf-8", "iso-2022-jp", "koi8-r", "utf-16"]))
def test_text_survives_the_trip(text: str, charset: str) -> None:
    data = text.encode(charset, "replace")
    assert decode_text(data, charset) == data.decode(charset)


def test_snippets_skip_quotes_and_padding() -> None:
    text = "Thanks, we take it.\u200c\u00ad\n\nOn Mon, 3 Nov 2025 Rita wrote:\n> Our offer\n"
    assert snippet(text) == "Thanks, we take it."
    assert new_text(text) == "Thanks, we take it.\u200c\u00ad"
    assert snippet("> only a quote\n> here") == "> only a quote > here"


def test_tables_become_lines() -> None:
    assert (
        html_to_text("<table><tr><td>Licences</td><td>20</td></tr><tr><td>Sum</td><td>80k</td></tr></table>")
        == "Licences 20\n\nSum 80k"
    )


def test_half_characters_never_leave_the_parser() -> None:
    assert decode_words("=?utf-7?q?+2AA-?=") == "\ufffd"
    assert decode_text(b"+2AA-", "utf-7") == "\ufffd"
