"""The interface that the world and the tests use: delivering and listing without a client."""

from __future__ import annotations

import pytest

from app.demo.mail import NoSuchMailbox
from tests.app.demo.mail.running import RITA, SAM, RunningMail, mail


def test_delivery_to_a_user_an_alias_and_a_folder(mail_world: RunningMail):
    assert mail_world.deliver(mail(4)) == 4
    assert mail_world.deliver(mail(5), "r.rep@rita.example", "inbox") == 5
    assert mail_world.deliver(mail(6), SAM, "Archive", ["\\Seen"]) == 1
    (archived,) = mail_world.call(lambda: mail_world.servers.messages(SAM))
    assert (archived.folder, archived.uid, archived.flags, archived.raw) == ("Archive", 1, ("\\Seen",), mail(6))
    listed = mail_world.call(lambda: mail_world.servers.messages(RITA, "INBOX"))
    assert [(one.uid, one.raw) for one in listed[-2:]] == [(4, mail(4)), (5, mail(5))]


@pytest.mark.parametrize(("user", "folder"), [("nobody@rita.example", "INBOX"), (RITA, "Nowhere")])
def test_nowhere_to_deliver_to(mail_world: RunningMail, user: str, folder: str):
    with pytest.raises(NoSuchMailbox):
        mail_world.deliver(mail(4), user, folder)
    with pytest.raises(NoSuchMailbox):
        mail_world.call(lambda: mail_world.servers.messages(user, folder))
