"""ENVELOPE and BODYSTRUCTURE as IMAPClient reads them, and the parts that they name (RFC 9051 7.5.2, 6.4.5.1)."""

from __future__ import annotations

from tests.app.demo.mail.running import RunningMail

NESTED = b"""From: "Klein, Karl" <karl@acme.example>
Sender: office@acme.example
Reply-To: a@b.example, c@d.example
To: Team: rita@rita.example, sam@rita.example;
Subject: =?utf-8?Q?Angebot_f=C3=BCr?=
 Linie 4
Date: Tue, 24 Nov 2026 09:00:00 +0100
Message-ID: <nested@acme.example>
In-Reply-To: <before@rita.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"; x="say \\"hi\\""

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8

plain text
two lines
--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>html</p>

--inner--
--outer
Content-Type: application/pdf; name="offer.pdf"
Content-Disposition: attachment; filename="offer.pdf"; size=12
Content-Transfer-Encoding: base64
Content-ID: <part2@acme.example>
Content-Description: the offer

JVBERi0xLjQK
--outer
Content-Type: message/rfc822

From: Mia <mia@acme.example>
Subject: inside
Message-ID: <inside@acme.example>
Content-Type: multipart/mixed; boundary=deep

--deep

first
--deep
Content-Type: image/png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--deep--
--outer--
epilogue
""".replace(b"\n", b"\r\n")


def fetched(world: RunningMail, items: list[str]) -> dict:
    world.deliver(NESTED)
    with world.inbox() as client:
        return client.fetch([4], items)[4]


def test_envelope(mail_world: RunningMail):
    envelope = fetched(mail_world, ["ENVELOPE"])[b"ENVELOPE"]
    assert envelope.subject == b"=?utf-8?Q?Angebot_f=C3=BCr?= Linie 4"
    assert (envelope.from_[0].name, envelope.from_[0].mailbox) == (b"Klein, Karl", b"karl")
    assert envelope.sender[0].mailbox == b"office"
    assert [one.host for one in envelope.reply_to] == [b"b.example", b"d.example"]
    assert [(one.mailbox, one.host) for one in envelope.to] == [
        (b"Team", None),
        (b"rita", b"rita.example"),
        (b"sam", b"rita.example"),
        (None, None),
    ]
    assert (envelope.in_reply_to, envelope.message_id) == (b"<before@rita.example>", b"<nested@acme.example>")
    assert envelope.cc is None


def test_body_structure(mail_world: RunningMail):
    found = fetched(mail_world, ["BODYSTRUCTURE", "BODY"])
    parts, subtype, parameters, disposition, language, location = found[b"BODYSTRUCTURE"]
    assert subtype == b"MIXED"
    assert parameters == (b"BOUNDARY", b"outer", b"X", b'say "hi"')
    assert (disposition, language, location) == (None, None, None)
    alternative, pdf, message = parts
    assert alternative[0][0][:8] == (b"TEXT", b"PLAIN", (b"CHARSET", b"utf-8"), None, None, b"7BIT", 21, 1)
    assert alternative[0][1][:2] == (b"TEXT", b"HTML")
    assert alternative[1] == b"ALTERNATIVE"
    assert pdf == (
        b"APPLICATION",
        b"PDF",
        (b"NAME", b"offer.pdf"),
        b"<part2@acme.example>",
        b"the offer",
        b"BASE64",
        12,
        None,
        (b"ATTACHMENT", (b"FILENAME", b"offer.pdf", b"SIZE", b"12")),
        None,
        None,
    )
    assert message[:2] == (b"MESSAGE", b"RFC822")
    assert message[7][1] == b"inside"
    assert message[8][1][:2] == (b"IMAGE", b"PNG")
    basic = found[b"BODY"]
    assert basic[1] == b"MIXED"
    assert len(basic) == 2
    assert basic[0][1] == pdf[:7]


def test_parts_by_number(mail_world: RunningMail):
    sections = {
        "1.1": b"plain text\r\ntwo lines",
        "1.2": b"<p>html</p>\r\n",
        "1.2.MIME": b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
        "2": b"JVBERi0xLjQK",
        "3.HEADER.FIELDS (SUBJECT)": b"Subject: inside\r\n\r\n",
        "3.1": b"first",
        "3.2": b"iVBORw0KGgo=",
        "3.2.MIME": b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        "1.3": None,
        "4": None,
        "2.1": None,
        "2.HEADER": None,
        "1.1.1": None,
    }
    found = fetched(mail_world, [f"BODY.PEEK[{section}]" for section in sections])
    assert {section: found[f"BODY[{section}]".encode()] for section in sections} == sections
    whole = fetched(mail_world, ["BODY.PEEK[3]", "BODY.PEEK[3.HEADER]", "BODY.PEEK[3.TEXT]"])
    assert whole[b"BODY[3]"] == whole[b"BODY[3.HEADER]"] + whole[b"BODY[3.TEXT]"]
    assert whole[b"BODY[3]"].startswith(b"From: Mia")


def test_a_plain_message_is_its_own_first_part(mail_world: RunningMail):
    with mail_world.inbox() as client:
        found = client.fetch([1], ["BODY.PEEK[1]", "BODY.PEEK[1.1]", "BODY.PEEK[1.MIME]", "BODYSTRUCTURE"])[1]
        assert found[b"BODY[1]"] == b"Hello\r\n"
        assert found[b"BODY[1.1]"] is None
        assert found[b"BODY[1.MIME]"].startswith(b"From: ")
        assert found[b"BODYSTRUCTURE"][:7] == (b"TEXT", b"PLAIN", (b"CHARSET", b"us-ascii"), None, None, b"7BIT", 7)


def test_a_multipart_without_parts_and_line_feeds_alone(mail_world: RunningMail):
    mail_world.deliver(b"Content-Type: multipart/mixed; boundary=none\n\nnothing here\n")
    mail_world.deliver(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n")
    with mail_world.inbox() as client:
        found = client.fetch([4, 5], ["BODYSTRUCTURE", "BODY.PEEK[2]"])
        assert found[4][b"BODYSTRUCTURE"][0][0][6] == 0
        assert found[5][b"BODY[2]"] == b"two"


def test_a_header_without_its_empty_line(mail_world: RunningMail):
    """The empty line is part of the answer unless the message has none (RFC 9051 6.4.5.1)."""
    mail_world.deliver(b"Subject: no end")
    with mail_world.inbox() as client:
        found = client.fetch(
            [4], ["BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "BODYSTRUCTURE"]
        )[4]
        assert found[b"BODY[HEADER.FIELDS (SUBJECT)]"] == b"Subject: no end\r\n"
        assert (found[b"BODY[HEADER]"], found[b"BODY[TEXT]"]) == (b"Subject: no end", b"")
        assert found[b"BODYSTRUCTURE"][6] == 0
