"""Account, Contact, Lead, Opportunity and Case: names, stages, closing, and what stands in the way of a deletion."""

from __future__ import annotations

from datetime import date

from app.demo.salesforce.errors import refuse
from app.demo.salesforce.records import moment
from app.demo.salesforce.schema.crm import CLOSED_CASE_STATUS, CONVERTED_LEAD_STATUS, STAGES, Stage
from app.demo.salesforce.writing.change import Behaviour, Change, Writing

_UNKNOWN_STAGE = Stage(0, False, False, "Pipeline")
_FIRST_CASE_NUMBER = 1001


class PersonBehaviour(Behaviour):
    """The full name is made of the parts."""

    def before_write(self, writing: Writing, change: Change) -> None:  # noqa: ARG002  the interface has it
        """Put ``Name`` together."""
        if change.creating or "FirstName" in change.values or "LastName" in change.values:
            parts = [change.now("FirstName"), change.now("LastName")]
            change.values["Name"] = " ".join(str(part) for part in parts if part) or None


def refuse_deletion(writing: Writing, change: Change, link: str) -> None:
    """A record that cases still point at cannot be deleted."""
    numbers = [str(row["CaseNumber"]) for row in writing.org.tables.find("Case", **{link: change.record_id})]
    if numbers:
        name = change.old.get("Name")
        text = (
            f"Your attempt to delete {name} could not be completed because it is associated with the following cases.: "
            f"{', '.join(numbers)}\n"
        )
        raise refuse("DELETE_FAILED", text, [])


class AccountBehaviour(Behaviour):
    """An account takes its contacts and opportunities along into the recycle bin."""

    def before_delete(self, writing: Writing, change: Change) -> None:
        """Refuse while cases exist; delete contacts and opportunities."""
        refuse_deletion(writing, change, "AccountId")
        for child in ("Opportunity", "Contact"):
            for row in writing.org.tables.find(child, AccountId=change.record_id):
                writing.as_system().delete(child, str(row["Id"]))


class ContactBehaviour(PersonBehaviour):
    """A person who may belong to an account."""

    def before_delete(self, writing: Writing, change: Change) -> None:
        """Refuse while cases exist."""
        refuse_deletion(writing, change, "ContactId")


class LeadBehaviour(PersonBehaviour):
    """A person who has not been converted to a contact yet."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """A converted lead cannot be changed, and a lead cannot be converted by setting its status."""
        super().before_write(writing, change)
        if writing.actor.is_system:
            return
        if change.old.get("IsConverted"):
            raise refuse("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
        if change.changes("Status") and change.values["Status"] == CONVERTED_LEAD_STATUS:
            text = "Status: invalid value for a lead that is not converted; leads are converted by a conversion only"
            raise refuse("INVALID_STATUS", text, ["Status"])


class OpportunityBehaviour(Behaviour):
    """The stage decides whether it is closed and won, and its probability unless that is given."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Derive from the stage, the amount and the close date."""
        values = change.values
        if change.creating or change.changes("StageName"):
            stage = STAGES.get(str(values.get("StageName")), _UNKNOWN_STAGE)
            values["IsClosed"], values["IsWon"] = int(stage.is_closed), int(stage.is_won)
            values["ForecastCategory"] = stage.forecast_category.replace(" ", "").replace("Commit", "Forecast")
            if values.get("ForecastCategoryName") is None:
                values["ForecastCategoryName"] = stage.forecast_category
            if values.get("Probability") is None:
                values["Probability"] = float(stage.probability)
            if not change.creating:
                values["LastStageChangeDate"] = moment(writing.org.now())
        amount, probability = change.now("Amount"), change.now("Probability")
        values["ExpectedRevenue"] = None if amount is None else round(amount * (probability or 0) / 100, 2)
        if change.now("CloseDate"):
            closing = date.fromisoformat(str(change.now("CloseDate")))
            quarter = (closing.month - 1) // 3 + 1
            values |= {"FiscalYear": closing.year, "FiscalQuarter": quarter, "Fiscal": f"{closing.year} {quarter}"}

    def after_write(self, writing: Writing, change: Change) -> None:
        """A contact named at creation gets the primary contact role."""
        contact_id = change.values.get("ContactId")
        if change.creating and contact_id:
            role = {"OpportunityId": change.record_id, "ContactId": contact_id, "IsPrimary": True}
            writing.as_system().create("OpportunityContactRole", role)


class CaseBehaviour(Behaviour):
    """A case has a running number and follows its contact."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Number it, copy from the contact, and mark it closed or open."""
        values = change.values
        if change.creating and not values.get("CaseNumber"):
            number = writing.org.tables.next_number("CaseNumber", _FIRST_CASE_NUMBER)
            while writing.org.tables.find("Case", CaseNumber=f"{number:08d}"):
                number = writing.org.tables.next_number("CaseNumber")
            values["CaseNumber"] = f"{number:08d}"
        if change.changes("ContactId"):
            contact = writing.org.tables.get("Contact", str(values["ContactId"])) or {}
            for name, source in _FROM_CONTACT.items():
                values[name] = contact.get(source)
            if "AccountId" not in values:
                values["AccountId"] = contact.get("AccountId")
        if change.creating or change.changes("Status"):
            is_closed = values.get("Status") == CLOSED_CASE_STATUS
            values["IsClosed"] = int(is_closed)
            if not (writing.actor.is_system and values.get("ClosedDate")):
                values["ClosedDate"] = moment(writing.org.now()) if is_closed else None


_FROM_CONTACT = {
    "ContactEmail": "Email",
    "ContactPhone": "Phone",
    "ContactMobile": "MobilePhone",
    "ContactFax": "Fax",
}
