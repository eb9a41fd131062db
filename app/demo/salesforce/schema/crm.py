"""Account, Contact, Lead, Opportunity, OpportunityContactRole and Case as a new org has them.

Fields, lengths and flags: Object Reference; idLookup and relationship names as recorded from a real org's describe.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.demo.salesforce.schema.fields import (
    Field,
    address,
    boolean,
    currency,
    date,
    datetime_,
    email,
    integer,
    number,
    percent,
    phone,
    picklist,
    read_only,
    reference,
    string,
    textarea,
    url,
)
from app.demo.salesforce.schema.objects import SObjectType, sobject

SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
INDUSTRIES = (
    "Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction", "Consulting",
    "Education", "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance", "Food & Beverage",
    "Government", "Healthcare", "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media", "Not For Profit",
    "Recreation", "Retail", "Shipping", "Technology", "Telecommunications", "Transportation", "Utilities", "Other",
)  # fmt: skip
RATINGS = ("Hot", "Warm", "Cold")


@dataclass(frozen=True)
class Stage:
    """What an opportunity's stage decides about it."""

    probability: float
    is_closed: bool
    is_won: bool
    forecast_category: str


STAGES = {
    "Prospecting": Stage(10, False, False, "Pipeline"),
    "Qualification": Stage(10, False, False, "Pipeline"),
    "Needs Analysis": Stage(20, False, False, "Pipeline"),
    "Value Proposition": Stage(50, False, False, "Pipeline"),
    "Id. Decision Makers": Stage(60, False, False, "Pipeline"),
    "Perception Analysis": Stage(70, False, False, "Pipeline"),
    "Proposal/Price Quote": Stage(75, False, False, "Best Case"),
    "Negotiation/Review": Stage(90, False, False, "Commit"),
    "Closed Won": Stage(100, True, True, "Closed"),
    "Closed Lost": Stage(0, True, False, "Omitted"),
}
CLOSED_CASE_STATUS = "Closed"
CONVERTED_LEAD_STATUS = "Closed - Converted"


def owner(*targets: str, child: str = "") -> Field:
    """The owner; left out in a create it is the user who creates."""
    return reference("OwnerId", *(targets or ("User",)), label="Owner ID", nillable=False, defaulted=True, child=child)


def person_name() -> tuple[Field, ...]:
    """The name of a person: three parts, and the whole that the server puts together."""
    return (
        string("LastName", 80, nillable=False),
        string("FirstName", 40),
        picklist("Salutation", SALUTATIONS, length=40),
        read_only(string("Name", 121, label="Full Name", name_field=True, nillable=False, defaulted=True)),
    )


ACCOUNT = sobject(
    "Account",
    "001",
    read_only(reference("MasterRecordId", "Account", child="")),
    string("Name", 255, label="Account Name", name_field=True, nillable=False),
    picklist("Type", ("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller",
                      "Installation Partner", "Technology Partner", "Other")),
    reference("ParentId", "Account", relationship="Parent", child="ChildAccounts"),
    address("BillingAddress"),
    address("ShippingAddress"),
    phone("Phone"),
    phone("Fax"),
    string("AccountNumber", 40),
    url("Website"),
    url("PhotoUrl", createable=False, updateable=False),
    string("Sic", 20),
    picklist("Industry", INDUSTRIES),
    currency("AnnualRevenue", 18, 0),
    integer("NumberOfEmployees", label="Employees"),
    picklist("Ownership", ("Public", "Private", "Subsidiary", "Other")),
    string("TickerSymbol", 20),
    textarea("Description", 32000),
    picklist("Rating", RATINGS),
    string("Site", 80),
    owner(),
    read_only(date("LastActivityDate")),
    read_only(datetime_("LastViewedDate")),
    read_only(datetime_("LastReferencedDate")),
    picklist("AccountSource", LEAD_SOURCES),
    plural="Accounts",
    searchable=True,
    feed_enabled=True,
)  # fmt: skip

CONTACT = sobject(
    "Contact",
    "003",
    read_only(reference("MasterRecordId", "Contact", child="")),
    reference("AccountId", "Account", child="Contacts"),
    person_name(),
    address("OtherAddress"),
    address("MailingAddress"),
    phone("Phone", label="Business Phone"),
    phone("Fax"),
    phone("MobilePhone"),
    phone("HomePhone"),
    phone("OtherPhone"),
    phone("AssistantPhone"),
    reference("ReportsToId", "Contact", relationship="ReportsTo", child=""),
    email("Email", id_lookup=True),
    string("Title", 128),
    string("Department", 80),
    string("AssistantName", 40),
    picklist("LeadSource", LEAD_SOURCES),
    date("Birthdate"),
    textarea("Description", 32000),
    owner(),
    boolean("HasOptedOutOfEmail", label="Email Opt Out"),
    boolean("HasOptedOutOfFax", label="Fax Opt Out"),
    boolean("DoNotCall"),
    read_only(date("LastActivityDate")),
    read_only(datetime_("LastCURequestDate")),
    read_only(datetime_("LastCUUpdateDate")),
    read_only(datetime_("LastViewedDate")),
    read_only(datetime_("LastReferencedDate")),
    string("EmailBouncedReason", 255),
    datetime_("EmailBouncedDate"),
    read_only(boolean("IsEmailBounced")),
    url("PhotoUrl", createable=False, updateable=False),
    string("Jigsaw", 20),
    searchable=True,
    feed_enabled=True,
)

LEAD = sobject(
    "Lead",
    "00Q",
    read_only(reference("MasterRecordId", "Lead", child="")),
    person_name(),
    string("Title", 128),
    string("Company", 255, nillable=False),
    address("Address"),
    phone("Phone"),
    phone("MobilePhone"),
    phone("Fax"),
    email("Email", id_lookup=True),
    url("Website"),
    url("PhotoUrl", createable=False, updateable=False),
    textarea("Description", 32000),
    picklist("LeadSource", LEAD_SOURCES),
    picklist("Status", ("Open - Not Contacted", "Working - Contacted", CONVERTED_LEAD_STATUS, "Closed - Not Converted"),
             nillable=False, defaulted=True, default="Open - Not Contacted"),
    picklist("Industry", INDUSTRIES),
    picklist("Rating", RATINGS),
    currency("AnnualRevenue", 18, 0),
    integer("NumberOfEmployees", label="Employees"),
    owner("Group", "User"),
    boolean("HasOptedOutOfEmail", label="Email Opt Out"),
    boolean("DoNotCall"),
    read_only(boolean("IsConverted", label="Converted")),
    read_only(date("ConvertedDate")),
    read_only(reference("ConvertedAccountId", "Account", child="")),
    read_only(reference("ConvertedContactId", "Contact", child="")),
    read_only(reference("ConvertedOpportunityId", "Opportunity", child="")),
    boolean("IsUnreadByOwner", default=True),
    read_only(date("LastActivityDate")),
    read_only(datetime_("LastViewedDate")),
    read_only(datetime_("LastReferencedDate")),
    string("EmailBouncedReason", 255),
    datetime_("EmailBouncedDate"),
    searchable=True,
    feed_enabled=True,
)  # fmt: skip

OPPORTUNITY = sobject(
    "Opportunity",
    "006",
    reference("AccountId", "Account", child="Opportunities"),
    boolean("IsPrivate", label="Private"),
    string("Name", 120, name_field=True, nillable=False),
    textarea("Description", 32000),
    picklist("StageName", STAGES, label="Stage", nillable=False),
    currency("Amount"),
    percent("Probability", defaulted=True),
    read_only(currency("ExpectedRevenue")),
    number("TotalOpportunityQuantity", label="Quantity"),
    date("CloseDate", nillable=False),
    picklist("Type", ("Existing Customer - Upgrade", "Existing Customer - Replacement",
                      "Existing Customer - Downgrade", "New Customer")),
    string("NextStep", 255),
    picklist("LeadSource", LEAD_SOURCES),
    read_only(boolean("IsClosed", label="Closed")),
    read_only(boolean("IsWon", label="Won")),
    read_only(picklist("ForecastCategory", ("Omitted", "Pipeline", "BestCase", "Forecast", "Closed"),
                       nillable=False, defaulted=True, restricted_picklist=True)),
    picklist("ForecastCategoryName", ("Omitted", "Pipeline", "Best Case", "Commit", "Closed"), defaulted=True),
    read_only(boolean("HasOpportunityLineItem", label="Has Line Item")),
    owner(),
    read_only(date("LastActivityDate")),
    read_only(integer("PushCount")),
    read_only(datetime_("LastStageChangeDate")),
    read_only(integer("FiscalQuarter")),
    read_only(integer("FiscalYear")),
    read_only(string("Fiscal", 6, label="Fiscal Period")),
    reference("ContactId", "Contact", child="", updateable=False),
    read_only(datetime_("LastViewedDate")),
    read_only(datetime_("LastReferencedDate")),
    read_only(boolean("HasOpenActivity")),
    read_only(boolean("HasOverdueTask")),
    plural="Opportunities",
    searchable=True,
    feed_enabled=True,
)  # fmt: skip

OPPORTUNITY_CONTACT_ROLE = sobject(
    "OpportunityContactRole",
    "00K",
    reference("OpportunityId", "Opportunity", child="OpportunityContactRoles", nillable=False, updateable=False,
              cascade_delete=True),
    reference("ContactId", "Contact", child="OpportunityContactRoles", nillable=False, cascade_delete=True),
    picklist("Role", ("Business User", "Decision Maker", "Economic Buyer", "Economic Decision Maker", "Evaluator",
                      "Executive Sponsor", "Influencer", "Technical Buyer", "Other")),
    boolean("IsPrimary", label="Primary"),
    label="Opportunity Contact Role",
)  # fmt: skip

CASE = sobject(
    "Case",
    "500",
    read_only(reference("MasterRecordId", "Case", child="")),
    read_only(string("CaseNumber", 30, name_field=True, nillable=False, defaulted=True, auto_number=True,
                     id_lookup=True)),
    reference("ContactId", "Contact", child="Cases"),
    reference("AccountId", "Account", child="Cases"),
    reference("ParentId", "Case", relationship="Parent", child="Cases"),
    string("SuppliedName", 80, label="Name"),
    email("SuppliedEmail", label="Email Address"),
    string("SuppliedPhone", 40, label="Phone"),
    string("SuppliedCompany", 80, label="Company"),
    picklist("Type", ("Mechanical", "Electrical", "Electronic", "Structural", "Other")),
    picklist("Status", ("New", "Working", "Escalated", CLOSED_CASE_STATUS), defaulted=True, default="New"),
    picklist("Reason", ("Installation", "Equipment Complexity", "Performance", "Breakdown", "Equipment Design",
                        "Feedback", "Other")),
    picklist("Origin", ("Phone", "Email", "Web")),
    string("Subject", 255),
    picklist("Priority", ("High", "Medium", "Low"), defaulted=True, default="Medium"),
    textarea("Description", 32000),
    read_only(boolean("IsClosed", label="Closed")),
    read_only(datetime_("ClosedDate")),
    boolean("IsEscalated", label="Escalated"),
    owner("Group", "User"),
    read_only(phone("ContactPhone")),
    read_only(phone("ContactMobile")),
    read_only(email("ContactEmail")),
    read_only(phone("ContactFax")),
    textarea("Comments", 4000, label="Internal Comments", updateable=True),
    read_only(datetime_("LastViewedDate")),
    read_only(datetime_("LastReferencedDate")),
    searchable=True,
    feed_enabled=True,
)  # fmt: skip

CRM_OBJECTS: tuple[SObjectType, ...] = (ACCOUNT, CONTACT, LEAD, OPPORTUNITY, OPPORTUNITY_CONTACT_ROLE, CASE)
