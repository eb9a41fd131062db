"""``lookup``, ``log``, ``attach``, ``create``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.bootstrap import Services
from app.cli.account_commands import split_key
from app.cli.call import Call, path_argument
from app.cli.outbox_commands import queued
from app.cli.output import Answer, plain, table
from app.cli.records import record_target
from app.crm.targets import PersonTarget
from app.errors import Offline, RecordNotFound, ValidationFailed
from app.model.crm import CrmLogin, CrmRecord, LookupResult, PersonMatch, Section
from app.model.ids import CrmLoginId, MessageId, crm_login_key, local_record_id
from app.model.mail import MessageContent

OBJECTS = {"contact": "Contact", "lead": "Lead"}


def register(commands: Any, add: Any) -> None:
    """Declare the commands."""
    lookup = add(commands, "lookup", "what Salesforce knows of mail addresses", look_up)
    lookup.add_argument("addresses", nargs="+", metavar="ADDRESS")
    lookup.add_argument("--repeat", type=int, default=1, metavar="N", help="look N times, to see what memory answers")
    log = add(commands, "log", "log a mail to people and a record", log_message)
    log.add_argument("message", type=int, help="the mail's number")
    log.add_argument(
        "--person",
        action="append",
        default=[],
        metavar="[TYPE:]ID",
        help="a Contact or Lead (may be repeated); those that Salesforce knows of the mail's addresses where none is given",
    )
    log.add_argument(
        "--related", default="", metavar="[TYPE:]ID", help="one other record: an Opportunity, Case, Account …"
    )
    attach = add(commands, "attach", "put a file, or an attachment of a mail, on a record", attach_file)
    attach.add_argument("record", metavar="[TYPE:]ID")
    attach.add_argument("file", nargs="?", type=path_argument, help="a file of this machine")
    attach.add_argument("--message", type=int, help="the mail that has the attachment")
    attach.add_argument(
        "--part", default="", help="which attachment, as `show` numbers them; the only one where none is given"
    )
    create = add(commands, "create", "make a Contact or Lead", create_person)
    create.add_argument("object", choices=sorted(OBJECTS))
    create.add_argument("fields", nargs="*", metavar="FIELD=VALUE", help="by API name, for example LastName=Klein")
    create.add_argument("--from-message", type=int, help="begin with what the sender of this mail gives")
    for parser in (lookup, log, attach, create):
        parser.add_argument(
            "--login", default="", metavar="crm:N", help="which Salesforce login, where there are several"
        )
    for parser in (log, attach, create):
        parser.add_argument("--now", action="store_true", help="send it at once and tell what came of it")


async def look_up(call: Call) -> Answer:
    """Ask Salesforce, or memory."""
    login = await _login(call.services, call.args.login)
    looks = [
        await call.services.lookup.people(login.login_id, call.args.addresses) for _ in range(max(1, call.args.repeat))
    ]
    result = looks[-1]
    document = {
        "login": crm_login_key(login.login_id),
        "looks": [{"api_calls": one.api_calls, "from_ram": one.from_cache} for one in looks],
        "people": [_person_document(one) for one in result.people],
        "unknown": list(result.unknown),
    }
    return Answer(document, _lookup_lines(looks))


async def log_message(call: Call) -> Answer:
    """Queue the log of a mail."""
    login = await _login(call.services, call.args.login)
    message_id = MessageId(call.args.message)
    known = await call.services.crm_actions.targets(login.login_id)
    related = record_target(call.args.related, known) if call.args.related else None
    if call.args.person:
        people = [_as_person(record_target(one, known)) for one in call.args.person]
    else:
        people = await _people_of(call.services, login.login_id, await call.services.reader.content(message_id))
    operation_id = await call.services.crm_actions.log_message(
        login.login_id, message_id, people=people, related_to=related
    )
    return await queued(call.services, operation_id, send_now=call.args.now)


async def attach_file(call: Call) -> Answer:
    """Queue a file for a record."""
    if (call.args.file is None) == (call.args.message is None):
        raise ValidationFailed("give either a FILE or --message", code="nothing_chosen")
    login = await _login(call.services, call.args.login)
    target = record_target(call.args.record, await call.services.crm_actions.targets(login.login_id))
    if call.args.file is not None:
        operation_id = await call.services.crm_actions.attach_file(login.login_id, call.args.file, target)
    else:
        message_id = MessageId(call.args.message)
        part_id = call.args.part or await _only_attachment(call.services, message_id)
        try:
            operation_id = await call.services.crm_actions.attach_part(login.login_id, message_id, part_id, target)
        except KeyError:
            raise RecordNotFound(f"the message has no part {part_id}", code="no_such_part") from None
    return await queued(call.services, operation_id, send_now=call.args.now)


async def create_person(call: Call) -> Answer:
    """Queue a new Contact or Lead."""
    login = await _login(call.services, call.args.login)
    fields: dict[str, str] = {}
    source = None
    if call.args.from_message is not None:
        source = MessageId(call.args.from_message)
        row = await call.services.reader.row(source)
        if row is None:
            raise RecordNotFound("the message is not here any more", code="message_gone")
        fields |= call.services.crm_actions.prefill(row)
    for text in call.args.fields:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ValidationFailed(f"{text!r} is not FIELD=VALUE", code="no_such_field")
        fields[name] = value
    operation_id = await call.services.crm_actions.create_person(
        login.login_id, OBJECTS[call.args.object], fields, source_message=source
    )
    return await queued(
        call.services, operation_id, send_now=call.args.now, extra={"record": local_record_id(operation_id)}
    )


async def _login(services: Services, key: str) -> CrmLogin:
    logins = await services.accounts.crm.list()
    if key:
        kind, number = split_key(key)
        logins = [one for one in logins if kind == "crm" and one.login_id == number]
    if not logins:
        words = f"there is no login {key}" if key else "nobody is signed in at Salesforce"
        raise RecordNotFound(words, code="no_such_account")
    if len(logins) > 1:
        keys = ", ".join(crm_login_key(one.login_id) for one in logins)
        raise ValidationFailed(f"several logins: choose one by --login ({keys})", code="several_logins")
    return logins[0]


async def _people_of(services: Services, login_id: CrmLoginId, content: MessageContent) -> list[PersonTarget]:
    own = {one.address.lower() for one in await services.accounts.mail.list()}
    envelope = content.envelope
    everybody = (*envelope.from_, *envelope.reply_to, *envelope.to, *envelope.cc)
    addresses = [one.address for one in everybody if one.address and one.address.lower() not in own]
    if not addresses:
        return []
    try:
        result = await services.lookup.people(login_id, list(dict.fromkeys(addresses)))
    except Offline as error:
        raise Offline(
            f"{error.message}; who the mail is from cannot be looked up now, so name the people by --person",
            code=error.code,
        ) from None
    people: dict[str, PersonTarget] = {}
    for match in result.people:
        # One person an address, the first of the panel's order: the others are for a person to choose.
        people.setdefault(
            match.address,
            PersonTarget(match.person.record_id, match.person.object_type, match.person.name, match.address),
        )
    return list(people.values())


def _as_person(target: Any) -> PersonTarget:
    return PersonTarget(target.record_id, target.object_type, target.name)


async def _only_attachment(services: Services, message_id: MessageId) -> str:
    attachments = (await services.reader.content(message_id)).attachments
    if len(attachments) != 1:
        raise ValidationFailed(f"the mail has {len(attachments)} attachments: choose by --part", code="several_parts")
    return attachments[0].part_id


def _person_document(match: PersonMatch) -> dict[str, Any]:
    return {
        "address": match.address,
        "matched_field": match.matched_field,
        "person": record_document(match.person),
        "account": None if match.account is None else record_document(match.account),
        "opportunities": _section_document(match.opportunities),
        "cases": _section_document(match.cases),
        "activities": _section_document(match.activities),
    }


def record_document(record: CrmRecord) -> dict[str, Any]:
    """A record as JSON."""
    return {"id": record.record_id, "type": record.object_type, "name": record.name, "fields": dict(record.fields)}


def _section_document(section: Section) -> dict[str, Any]:
    return {
        "state": str(section.state),
        "records": [record_document(one) for one in section.records],
        "problem": section.problem,
    }


def _lookup_lines(looks: Sequence[LookupResult]) -> list[str]:
    result = looks[-1]
    lines: list[str] = []
    for match in result.people:
        account = f", {match.account.name}" if match.account is not None else ""
        lines.append(
            plain(
                f"{match.address}: {match.person.object_type} {match.person.name}{account} ({match.person.record_id})"
            )
        )
        for title, section in (
            ("opportunity", match.opportunities),
            ("case", match.cases),
            ("activity", match.activities),
        ):
            lines += [f"  {line}" for line in table((title, str(one.record_id), one.name) for one in section.records)]
            if section.problem:
                lines.append(f"  {title}: {plain(section.problem)}")
    lines += [f"{plain(address)}: nobody" for address in result.unknown]
    lines += [f"{one.api_calls} API calls, {'from memory' if one.from_cache else 'asked Salesforce'}" for one in looks]
    return lines
