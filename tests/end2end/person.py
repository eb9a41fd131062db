"""What the person of the story does at the core's services. After a crash she looks what is there and does the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.bootstrap import Services
from app.crm.actions import PersonTarget, RecordTarget
from app.model.ids import CrmLoginId, MessageId, OperationId, RecordId, local_record_id
from app.model.mail import ConnectionSecurity, Flag, MailServer
from app.model.operation import Operation, OperationKind
from tests.end2end.plot import KARL, RITA, Plot
from tests.servers.demo import DemoWorld

WITHIN_S = 60.0
STEPS = ("read", "looked up", "offline", "logged", "attached", "created", "logged to the new contact", "online")
"""What `Person.say` hears, in this order; "online" comes in every life."""


async def add_accounts(services: Services, world: DemoWorld) -> None:
    """Sign in at the mailbox and at Salesforce; the browser of ``services`` must be one that knows the way."""
    mail = world.login(RITA, "imap")
    imap_host, imap_port = world.host_port(world.imaps)
    smtp_host, smtp_port = world.host_port(world.smtps)
    await services.accounts.mail.add(
        RITA,
        "Rita Rep",
        MailServer(imap_host, imap_port, ConnectionSecurity.TLS, mail.user, world.ca_file),
        MailServer(smtp_host, smtp_port, ConnectionSecurity.TLS, mail.user, world.ca_file),
        mail.password,
        is_demo=True,
    )
    await services.sign_in.sign_in(world.salesforce, world.login(RITA).client_id, is_demo=True)


@dataclass
class Person:
    """Rita at the core of her client. ``say`` hears of each step when it is done."""

    services: Services
    plot: Plot
    say: Callable[[str], Awaitable[None]]

    async def live_the_story(self) -> None:
        """From the arrival of the mails to the moment when all wishes are queued and the work goes online again."""
        services, plot = self.services, self.plot
        known = await self.message(plot.known_subject)
        stranger = await self.message(plot.stranger_subject)
        content = await services.reader.content(known)
        await services.reader.content(stranger)
        part = next(part for part in content.attachments if part.filename == plot.file_name)
        await self.say("read")
        login_id = (await services.accounts.crm.list())[0].login_id
        if not services.connectivity.work_offline and not await self._queued():
            await services.mail_actions.set_flag([known], Flag.SEEN, True)
            found = await services.lookup.people(login_id, [KARL])
            assert [match.person.record_id for match in found.people] == [plot.contact_id]
            services.lookup.forget()
            await self.say("looked up")
            services.connectivity.set_work_offline(True)
            await self.say("offline")
        await self._wish(login_id, known, stranger, part.part_id)
        services.connectivity.set_work_offline(False)
        await self.say("online")

    async def message(self, subject: str) -> MessageId:
        """The mail of that subject, as soon as it is in the inbox."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for row in await self.services.reader.rows(None, offset=0, limit=50):
                    if row.subject == subject:
                        return row.message_id
                if not self.services.connectivity.work_offline:
                    await self.services.sync.sync_now()
                await asyncio.sleep(0.05)

    async def _wish(self, login_id: CrmLoginId, known: MessageId, stranger: MessageId, part_id: str) -> None:
        actions, plot = self.services.crm_actions, self.plot
        karl = PersonTarget(RecordId(plot.contact_id), "Contact", plot.contact_name, KARL)
        opportunity = RecordTarget(RecordId(plot.opportunity_id), "Opportunity", plot.opportunity_name)
        if await self.operation(OperationKind.LOG_MESSAGE, known) is None:
            await actions.log_message(login_id, known, people=[karl], related_to=opportunity)
            await self.say("logged")
        if await self.operation(OperationKind.ATTACH_FILE, known) is None:
            await actions.attach_part(login_id, known, part_id, opportunity)
            await self.say("attached")
        created = await self.operation(OperationKind.CREATE_RECORD, stranger)
        if created is None:
            first, last = plot.stranger_name
            fields = {"FirstName": first, "LastName": last, "Email": plot.stranger}
            create = await actions.create_person(login_id, "Contact", fields, source_message=stranger)
            await self.say("created")
        else:
            create = created.operation_id
        if await self.operation(OperationKind.LOG_MESSAGE, stranger) is None:
            await self._log_to_the_new_one(login_id, stranger, create)

    async def _log_to_the_new_one(self, login_id: CrmLoginId, stranger: MessageId, create: OperationId) -> None:
        # As the panel does: the stand-in is a target like any other, until the real record has taken its place.
        targets = await self.services.crm_actions.targets(login_id)
        name = " ".join(self.plot.stranger_name)
        record_id = local_record_id(create)
        if all(target.record_id != record_id for target in targets):
            record_id = next(target.record_id for target in targets if target.name == name)
        nora = PersonTarget(record_id, "Contact", name, self.plot.stranger)
        await self.services.crm_actions.log_message(login_id, stranger, people=[nora])
        await self.say("logged to the new contact")

    async def operation(self, kind: OperationKind, message: MessageId) -> Operation | None:
        """The wish that is in the queue already, whatever became of it."""
        for operation in await self.services.outbox.list(include_closed=True):
            if operation.kind is kind and operation.subject_message == message:
                return operation
        return None

    async def _queued(self) -> bool:
        kinds = {operation.kind for operation in await self.services.outbox.list(include_closed=True)}
        return OperationKind.LOG_MESSAGE in kinds
