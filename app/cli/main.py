"""From arguments to an exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn, TypeAlias

from app.auth.ports import Browser
from app.bootstrap import open_app, open_vault
from app.cli import account_commands, crm_commands, mail_commands, outbox_commands, support_commands
from app.cli.call import Call, path_argument
from app.cli.output import DONE, NOT_UNDERSTOOD, REFUSED, Answer, Output
from app.cli.secret_input import read_secret
from app.doctor import advice
from app.errors import AppError, BugError
from app.paths import Profile, protect_process

_log = logging.getLogger(__name__)

INTERRUPTED = 130

Command: TypeAlias = "Callable[..., Awaitable[Answer]]"


class _NotUnderstood(Exception):
    """A mistake in the arguments, and the usage that would have been right."""

    def __init__(self, words: str, usage: str) -> None:
        super().__init__(words)
        self.words = words
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    """Leaves it to `main` to tell a mistake, in the form that the other arguments ask for."""

    def error(self, message: str) -> NoReturn:
        raise _NotUnderstood(message, self.format_usage())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. ``arguments`` are the process's own where none are given."""
    protect_process()
    for stream in (sys.stdout, sys.stderr):
        # A mail may hold what the terminal's code page lacks.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    given = list(sys.argv[1:] if arguments is None else arguments)
    output = Output(as_json="--json" in given)
    try:
        args = build_parser().parse_args(given)
        secrets = [read_secret("Passphrase of the vault")] if args.vault else []
        if args.asks_for:
            secrets.append(read_secret(args.asks_for))
        answer = asyncio.run(_run(args, output, secrets))
        output.answer(answer)
    except _NotUnderstood as error:
        output.complaint("UsageError", "usage", error.words, error.usage.strip())
        return NOT_UNDERSTOOD
    except AppError as error:
        output.error(error, advice(error))
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the answer has had enough; the interpreter must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return answer.code


def build_parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    parser = _Parser(
        prog="outrigger-cli",
        description="Mail with Salesforce beside it, without a window.",
        parents=[_everywhere()],
        argument_default=None,
    )
    parser.set_defaults(profile=None, json=False, vault=False, asks_for="", background=False, browser=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(group: Any, name: str, words: str, run: Command | None = None, **defaults: Any) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = group.add_parser(name, help=words, description=words, parents=[_everywhere()])
        if run is not None:
            made.set_defaults(run=run, **defaults)
        return made

    for room in (account_commands, mail_commands, crm_commands, outbox_commands, support_commands):
        room.register(commands, add)
    return parser


def _everywhere() -> argparse.ArgumentParser:
    # Made anew for each command: a default set for one would count for all that share it. Without a default of its own, an option that was given
    # before the command's name is not forgotten by it.
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    options.add_argument(
        "--profile",
        type=path_argument,
        metavar="DIR",
        help="the folder of mail, settings and log (default: the user's own)",
    )
    options.add_argument("--json", action="store_true", help="answer with one JSON document")
    options.add_argument(
        "--vault",
        action="store_true",
        help="the secrets are in a vault; its passphrase is the first line of the input stream (the first start makes the vault)",
    )
    return options


async def _run(args: argparse.Namespace, output: Output, secrets: Sequence[str]) -> Answer:
    profile = Profile.default() if args.profile is None else Profile(args.profile)
    waiting = list(secrets)
    async with contextlib.AsyncExitStack() as stack:
        if args.run is support_commands.doctor:
            examined: Answer = await support_commands.doctor(profile, args, waiting.pop(0) if args.vault else None)
            return examined
        vault = None
        if args.vault:
            vault = await open_vault(profile, waiting.pop(0))
            stack.push_async_callback(vault.close)
        browser: Browser | None = None if args.browser is None else args.browser(args, output)
        services = await stack.enter_async_context(
            open_app(profile, secrets=vault, browser=browser, start_background=args.background)
        )
        try:
            answer: Answer = await args.run(Call(services, args, output, waiting.pop(0) if waiting else ""))
        except (AppError, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - the last place that can tell it
            # Its words may quote mail or records: they stay out of sight, the places go to the log.
            _log.exception("a command failed")
            raise BugError(
                f"an unexpected {type(error).__name__}; the log in the profile's folder says where"
            ) from None
        return answer
