"""Adding accounts with right and wrong values, signing in, leaving again."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton

from app.bootstrap import Core
from app.errors import Offline, SignInRequired, TransientError
from tests.servers.demo import DemoWorld
from tests.ui.org_desk import OrgDesk, button, click, open_org_desk, seen, words
from tests.ui.waiting import turns, until
from ui.accounts.model import guess_servers, login_url_of, mail_problem, sign_in_problem
from ui.accounts.view import AccountsView
from ui.widgets.states import Card

USER, PASSWORD = "rita@rita.example", "rita-mail"


class SilentBrowser:
    """A browser whose person does nothing."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    async def open(self, url: str) -> None:
        self.opened.append(url)


def page(desk: OrgDesk) -> AccountsView:
    return desk.crm.accounts


def fill(desk: OrgDesk, *, password: str, imap: str = "", smtp: str = "") -> None:
    """Fill the form for mail with the demo world's servers, or others ("host:port")."""
    form = page(desk).mail_form
    form.address.setText(USER)
    form.name.setText("Rita Rep")
    form.password.setText(password)
    for address, host, port in (
        (imap or desk.world.imaps, form.imap_host, form.imap_port),
        (smtp or desk.world.smtps, form.smtp_host, form.smtp_port),
    ):
        name, number = desk.world.host_port(address)
        host.setText(name)
        port.setValue(number)
    form.user.setText(USER)


@pytest.fixture
def trusting(world: DemoWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo world's authority among those of the system, as an administrator would put it there."""
    monkeypatch.setenv("SSL_CERT_FILE", world.ca_file)


async def test_the_first_page_says_what_will_happen(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, has_account=False) as desk:
        desk.window.commands.action("app.accounts").trigger()
        await until(lambda: "Nothing is set up yet." in words(page(desk)), "the empty page")
        click(button(page(desk), "Add mail account"))
        assert desk.has_focus(page(desk).mail_form.address)
        page(desk).mail_form.address.setText("rita@globex.example")
        desk.press(Qt.Key.Key_Tab)
        form = page(desk).mail_form
        assert (form.imap_host.text(), form.smtp_host.text(), form.user.text()) == (
            "imap.globex.example",
            "smtp.globex.example",
            "rita@globex.example",
        )
        click(form.action)
        assert "Type the password." in words(form)
        assert desk.has_focus(form.password)
        desk.press(Qt.Key.Key_Escape)
        assert not form.isVisible()
        assert desk.window.page == "accounts"


async def test_an_untrusted_certificate_is_named_and_nothing_is_kept(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, has_account=False) as desk:
        desk.window.commands.action("accounts.add_mail").trigger()
        fill(desk, password=PASSWORD)
        form = page(desk).mail_form
        click(form.action)
        await until(lambda: "certificate is not trusted" in words(form), "the refusal")
        assert await desk.services.accounts.mail.list() == []
        assert form.isEnabled()


@pytest.mark.usefixtures("trusting")
async def test_a_wrong_password_is_told_as_one_and_the_right_one_works(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, has_account=False) as desk:
        desk.window.commands.action("accounts.add_mail").trigger()
        fill(desk, password="wrong")
        form = page(desk).mail_form
        click(form.action)
        assert not form.isEnabled()
        await until(lambda: "does not accept this user name or password" in words(form), "the refusal")
        assert "sign in again" not in words(page(desk))
        assert desk.has_focus(form.password)
        assert await desk.services.accounts.mail.list() == []
        form.password.setText(PASSWORD)
        desk.press(Qt.Key.Key_Return)
        await until(lambda: "The mail account works." in words(page(desk)), "the account")
        assert not form.isVisible()
        assert form.password.text() == ""
        (account,) = await desk.services.accounts.mail.list()
        assert (account.address, account.is_demo) == (USER, False)
        await until(lambda: USER in words(page(desk)), "its card")
        # The same mailbox once more is refused in words of its own.
        click(button(page(desk), "Add mail account"))
        fill(desk, password=PASSWORD)
        click(form.action)
        await until(lambda: "This mailbox is here already." in words(form), "the refusal")


@pytest.mark.usefixtures("trusting")
async def test_a_new_password_is_tried_before_it_is_kept(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, has_account=False) as desk:
        desk.window.commands.action("accounts.add_mail").trigger()
        fill(desk, password=PASSWORD)
        click(page(desk).mail_form.action)
        await until(lambda: "The mail account works." in words(page(desk)), "the account")
        (account,) = await desk.services.accounts.mail.list()
        desk.joins.crm_models.accounts._on_sign_in_required(f"mail:{account.account_id}")
        await until(lambda: any("SIGN IN" in card.accessibleName() for card in seen(page(desk), Card)), "the mark")
        click(button(page(desk), "New password"))
        form = page(desk).password_form
        assert f"New password for {USER}" in words(form)
        click(form.action)
        assert "Type the password." in words(form)
        form.password.setText("wrong")
        click(form.action)
        await until(lambda: "does not accept" in words(form), "the refusal")
        form.password.setText(PASSWORD)
        click(form.action)
        await until(lambda: "The password works." in words(page(desk)), "the outcome")
        await until(lambda: not any("SIGN IN" in card.accessibleName() for card in seen(page(desk), Card)), "no mark")


async def test_a_server_that_is_not_there(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, has_account=False) as desk:
        desk.window.commands.action("accounts.add_mail").trigger()
        fill(desk, password=PASSWORD, imap="127.0.0.1:9")
        click(page(desk).mail_form.action)
        await until(lambda: "The mail server cannot be reached." in words(page(desk).mail_form), "the refusal")
        assert "goes out by itself" not in words(page(desk))


async def test_a_sign_in_can_be_given_up_and_begun_again(core: Core, world: DemoWorld) -> None:
    browser = SilentBrowser()
    async with open_org_desk(core, world, browser=browser, has_account=False) as desk:
        desk.window.commands.action("accounts.add_salesforce").trigger()
        form = page(desk).salesforce_form
        click(form.action)
        assert "Your administrator gives you the consumer key" in words(form)
        form.client_id.setText("3MVG9demo")
        for attempt in (1, 2):
            click(form.action)
            await until(lambda attempt=attempt: len(browser.opened) == attempt, "the browser")
            assert browser.opened[-1].startswith("https://login.salesforce.com/services/oauth2/authorize?")
            assert "Waiting for you in the browser" in words(page(desk))
            await turns()
            click(button(page(desk), "Cancel"))
            await until(lambda: "Waiting for you" not in words(page(desk)), "the end of waiting")
            assert form.isEnabled()
            assert await desk.services.accounts.crm.list() == []


async def test_a_sign_in_address_must_be_one(core: Core, world: DemoWorld) -> None:
    browser = SilentBrowser()
    async with open_org_desk(core, world, browser=browser, has_account=False) as desk:
        desk.window.commands.action("accounts.add_salesforce").trigger()
        form = page(desk).salesforce_form
        assert not form.host.isVisible()
        form.kind.setCurrentIndex(2)
        assert form.host.isVisible()
        form.client_id.setText("3MVG9demo")
        for typed in ("", "http://acme.my.salesforce.com", "javascript:alert(1)", "nonsense", "https://a b.example"):
            form.host.setText(typed)
            click(form.action)
            assert "Type the https address" in words(form), typed
        form.host.setText("https://acme.my.salesforce.com?x=1")
        click(form.action)
        await until(lambda: "This is not an address to sign in at." in words(form), "the refusal")
        assert browser.opened == []


async def test_leaving_salesforce_asks_and_revokes(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world) as desk:
        await desk.sign_in()
        desk.window.commands.action("app.accounts").trigger()
        await until(lambda: "Rita Instruments" in words(page(desk)), "the card")
        click(button(page(desk), "Sign out"))
        assert "Sign out of Rita Instruments?" in words(page(desk))
        await turns()
        click(button(page(desk), "Keep"))
        assert "Sign out of Rita Instruments?" not in words(page(desk))
        click(button(page(desk), "Sign out…"))
        await turns()
        world.clear_requests()
        click(next(one for one in seen(page(desk), QAbstractButton) if one.text() == "Sign out"))
        await until(lambda: "Rita Instruments" not in words(page(desk)), "the card to go")
        assert any("revoke" in str(request) for request in world.requests())
        assert await desk.services.accounts.crm.list() == []


async def test_removing_a_mailbox_asks_and_forgets_its_mail(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world) as desk:
        desk.core.secrets.secrets[f"mail:{desk.account}:password"] = "x"  # type: ignore[attr-defined]
        desk.window.commands.action("app.accounts").trigger()
        await until(lambda: "rita@globex.example" in words(page(desk)), "the card")
        click(button(page(desk), "Remove…"))
        assert "The server keeps its mail." in words(page(desk))
        await turns()
        desk.press(Qt.Key.Key_Escape)
        assert "The server keeps its mail." not in words(page(desk))
        assert len(await desk.services.accounts.mail.list()) == 1
        click(button(page(desk), "Remove…"))
        await turns()
        click(button(page(desk), "Remove account"))
        await until(lambda: "Nothing is set up yet." in words(page(desk)), "the empty page")
        assert await desk.services.accounts.mail.list() == []


def test_words_of_refusals_keep_what_they_mean_apart() -> None:
    wrong = mail_problem(SignInRequired("no", account="mail:0"))
    away = mail_problem(Offline("away"))
    assert wrong is not None
    assert away is not None
    assert "password" in wrong.title
    assert "reached" in away.title
    assert mail_problem(ValueError("x")) is None
    late = sign_in_problem(TransientError("late", code="sign_in_timeout"))
    assert late is not None
    assert "in time" in late.title


@pytest.mark.parametrize(
    ("kind", "typed", "expected"),
    [
        ("production", "ignored", "https://login.salesforce.com"),
        ("sandbox", "", "https://test.salesforce.com"),
        ("custom", " acme.my.salesforce.com/ ", "https://acme.my.salesforce.com"),
        ("custom", "https://acme.example/partners", "https://acme.example/partners"),
        ("custom", "http://acme.example", ""),
        ("custom", "[::1", ""),
    ],
)
def test_sign_in_addresses(kind: str, typed: str, expected: str) -> None:
    assert login_url_of(kind, typed) == expected


def test_servers_are_guessed_from_the_domain() -> None:
    assert guess_servers("rita@Globex.example ") == ("imap.globex.example", "smtp.globex.example")
    assert guess_servers("rita") == ("", "")
