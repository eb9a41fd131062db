"""What the command line understands, and how it says that it does not; where secrets come from."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.cli.command_line import PASSPHRASE, ROOT, CommandLine, bare, call


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("accounts",),
        ("outbox", "show"),
        ("lookup",),
        ("show", "not-a-number"),
        ("messages", "--limit", "-1"),
        ("create", "account"),
        ("accounts", "add-imap", "a@b.example"),
        ("search", "x", "--no-such-option"),
    ],
)
def test_what_is_not_understood_is_told_with_exit_code_2(arguments: tuple[str, ...]) -> None:
    result = call(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "usage" in result.err
    result = call("--json", *arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.error["code"] == "usage"
    assert result.error["words"]


def test_every_command_has_help_and_takes_profile_and_json_before_and_behind() -> None:
    commands = ["accounts add-imap", "accounts add-salesforce", "accounts list", "accounts remove", "sync", "folders"]
    commands += ["messages", "show", "search", "lookup", "log", "attach", "create", "doctor"]
    commands += [f"outbox {word}" for word in ("list", "show", "run", "retry", "discard")]
    for command in commands:
        result = call(*command.split(), "--help")
        assert result.code == 0
        for option in ("--profile", "--json", "--vault"):
            assert option in result.out, command


def test_options_count_wherever_they_stand(cli: CommandLine, tmp_path: Path) -> None:
    assert cli.run("outbox", "list").out == "nothing waits\n"
    before = bare("--json", "--profile", str(cli.profile), "--vault", "outbox", "list", secret=f"{PASSPHRASE}\n")
    behind = bare("outbox", "list", "--json", "--profile", str(cli.profile), "--vault", secret=f"{PASSPHRASE}\n")
    assert before.document == behind.document == {"operations": []}


def test_without_a_keychain_nothing_is_made_and_the_way_out_is_named(tmp_path: Path) -> None:
    result = bare("--json", "--profile", str(tmp_path / "p"), "outbox", "list")
    assert result.code == 1
    assert result.out == ""
    assert result.error["error"] == "SecretStoreUnavailable"
    assert result.error["code"].startswith("secret_store")
    assert "vault" in result.error["what_to_do"] or sys.platform != "linux"
    assert not (tmp_path / "p" / "outrigger.db").exists()


def test_the_wrong_passphrase_and_none(cli: CommandLine) -> None:
    assert cli.run("folders").code == 0
    wrong = CommandLine(cli.profile, "another passphrase").json("folders")
    assert (wrong.code, wrong.error["code"]) == (1, "wrong_passphrase")
    none = CommandLine(cli.profile, "").json("folders")
    assert (none.code, none.error["code"]) == (1, "no_secret")
    short = CommandLine(cli.profile.with_name("new"), "short").json("folders")
    assert (short.code, short.error["code"]) == (1, "passphrase_too_short")


def test_a_profile_that_is_open_elsewhere_is_refused(cli: CommandLine) -> None:
    with cli.running("sync", "--watch", "--json") as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline()) == {"event": "watching"}
        second = cli.json("folders")
        assert (second.code, second.error["code"]) == (1, "profile_in_use")
        watching.send_signal(signal.SIGTERM)
        assert json.loads(watching.stdout.read()) == {"event": "stopped"}
        assert watching.wait() == 0
    assert cli.json("folders").code == 0


def test_an_accounts_answer_for_an_empty_profile(cli: CommandLine) -> None:
    assert cli.json("accounts", "list").document == {"accounts": []}
    assert cli.run("accounts", "list").out == "no account yet\n"
    assert cli.json("folders").document == {"folders": []}
    assert cli.json("messages").document == {"total": 0, "messages": []}
    assert cli.json("search", "anything").document == {"messages": []}
    assert cli.json("sync").document == {"accounts": []}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("accounts", "remove", "mail:7"), "no_such_account"),
        (("accounts", "remove", "crm:7"), "no_such_account"),
        (("accounts", "remove", "something"), "no_such_account"),
        (("sync", "mail:7"), "no_such_account"),
        (("messages", "Nowhere"), "no_such_folder"),
        (("show", "12345"), "message_gone"),
        (("lookup", "a@b.example"), "no_such_account"),
        (("log", "12345"), "no_such_account"),
        (("attach", "006000000000001AAA", "/no/such/file"), "no_such_account"),
        (("attach", "006000000000001AAA"), "nothing_chosen"),
        (("create", "contact", "LastName=Klein"), "no_such_account"),
        (("outbox", "show", "abcdef"), "no_such_operation"),
        (("outbox", "retry", "a"), "no_such_operation"),
        (("outbox", "discard", "abcdef"), "no_such_operation"),
    ],
)
def test_what_is_not_there_is_refused_with_its_reason(cli: CommandLine, arguments: tuple[str, ...], code: str) -> None:
    result = cli.json(*arguments)
    assert result.out == ""
    assert (result.code, result.error["code"]) == (1, code)
    assert result.error["words"]


def test_a_certificate_of_ones_own_is_for_demo_worlds(cli: CommandLine) -> None:
    result = cli.json(
        *("accounts", "add-imap", "a@b.example", "--imap", "localhost", "--smtp", "localhost", "--ca-file", "x.pem"),
        secret="pw",
    )
    assert (result.code, result.error["code"]) == (1, "ca_file_without_demo")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals of POSIX")
def test_at_a_terminal_the_passphrase_is_asked_for_and_not_shown(cli: CommandLine) -> None:
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--profile", str(cli.profile), "--vault", "outbox", "list"],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(slave)
    shown = b""
    while b": " not in shown:
        shown += os.read(master, 1024)
    os.write(master, f"{PASSPHRASE}\n".encode())
    out, _ = process.communicate(timeout=60)
    os.set_blocking(master, False)
    try:
        shown += os.read(master, 4096)
    except OSError:
        pass
    finally:
        os.close(master)
    assert process.returncode == 0
    assert out == b"nothing waits\n"
    assert b"Passphrase" in shown
    assert PASSPHRASE.encode() not in shown


def test_the_command_line_works_where_qt_is_barred(tmp_path: Path) -> None:
    bar = tmp_path / "bar"
    bar.mkdir()
    (bar / "sitecustomize.py").write_text(
        "import sys\n"
        "class Bar:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('PySide6', 'shiboken6', 'qasync', 'qtpy', 'ui'):\n"
        "            raise ImportError(f'{name} is barred')\n"
        "sys.meta_path.insert(0, Bar())\n"
    )
    barred = bare("--help", PYTHONPATH=str(bar))
    assert barred.code == 0
    probe = subprocess.run(
        [sys.executable, "-c", "import PySide6"],
        env=os.environ | {"PYTHONPATH": str(bar)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert "barred" in probe.stderr
    result = bare(
        *("--profile", str(tmp_path / "p"), "--vault", "--json", "accounts", "list"),
        secret=f"{PASSPHRASE}\n",
        PYTHONPATH=str(bar),
    )
    assert result.document == {"accounts": []}


def test_a_reader_that_goes_away_is_no_error(cli: CommandLine) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert b"Traceback" not in err
