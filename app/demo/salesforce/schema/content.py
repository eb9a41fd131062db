"""ContentVersion, ContentDocument and ContentDocumentLink (Salesforce Files)."""

from __future__ import annotations

from app.demo.salesforce.schema.fields import (
    FieldType,
    boolean,
    datetime_,
    integer,
    make,
    picklist,
    read_only,
    reference,
    string,
    textarea,
    url,
)
from app.demo.salesforce.schema.objects import SObjectType, sobject

LINKABLE = ("Account", "Contact", "Lead", "Opportunity", "Case", "Task", "Event", "User", "Organization")
SHARE_TYPES = ("V", "C", "I")
VISIBILITIES = ("AllUsers", "InternalUsers", "SharedUsers")


def content_objects(custom_objects: tuple[str, ...], *, enhanced_email: bool) -> tuple[SObjectType, ...]:
    """The file objects of an org; custom objects and e-mails can be linked to files too."""
    linkable = LINKABLE + (("EmailMessage",) if enhanced_email else ()) + custom_objects
    return (_content_version(linkable), CONTENT_DOCUMENT, _content_document_link(linkable))


def _content_version(linkable: tuple[str, ...]) -> SObjectType:
    return sobject(
        "ContentVersion",
        "068",
        reference("ContentDocumentId", "ContentDocument", child="ContentVersions", updateable=False, defaulted=True,
                  cascade_delete=True),
        read_only(boolean("IsLatest")),
        url("ContentUrl", 1300),
        string("VersionNumber", 20, createable=False, updateable=False),
        string("Title", 255, name_field=True, nillable=False, defaulted=True),
        textarea("Description", 1000, filterable=True),
        textarea("ReasonForChange", 1000, updateable=False),
        picklist("SharingOption", ("A", "R"), value_labels=("Allowed", "Restricted"), restricted_picklist=True,
                 defaulted=True, default="A"),
        picklist("SharingPrivacy", ("N", "P"), value_labels=("Visible to Anyone With Record Access",
                 "Private on Records"), restricted_picklist=True, defaulted=True, default="N"),
        string("PathOnClient", 500, updateable=False),
        read_only(string("FileType", 20)),
        read_only(string("PublishStatus", 40)),
        make("VersionData", FieldType.BASE64, updateable=False, filterable=False, sortable=False, groupable=False),
        read_only(integer("ContentSize", label="Size", digits=15)),
        read_only(string("FileExtension", 40)),
        reference("FirstPublishLocationId", *linkable, relationship="FirstPublishLocation", child="",
                  updateable=False),
        picklist("Origin", ("C", "H"), value_labels=("Content", "Chatter"), updateable=False,
                 restricted_picklist=True, defaulted=True, default="C"),
        picklist("ContentLocation", ("S", "E", "L"), value_labels=("Salesforce", "External", "Social Customer Service"),
                 updateable=False, restricted_picklist=True, defaulted=True),
        string("ExternalDocumentInfo1", 1000),
        string("ExternalDocumentInfo2", 1000),
        read_only(string("Checksum", 50)),
        boolean("IsMajorVersion", default=True, updateable=False),
        reference("OwnerId", "User", label="Owner ID", nillable=False, defaulted=True),
        read_only(reference("ContentModifiedById", "User", relationship="ContentModifiedBy", child="")),
        read_only(datetime_("ContentModifiedDate")),
        label="Content Version",
        deletable=False,
        searchable=True,
    )  # fmt: skip


CONTENT_DOCUMENT = sobject(
    "ContentDocument",
    "069",
    string("Title", 255, name_field=True, nillable=False, createable=False),
    textarea("Description", 1000, createable=False),
    read_only(string("PublishStatus", 40)),
    read_only(reference("LatestPublishedVersionId", "ContentVersion", child="")),
    read_only(integer("ContentSize", label="Size", digits=15)),
    read_only(string("FileType", 20)),
    read_only(string("FileExtension", 40)),
    read_only(boolean("IsArchived")),
    reference("OwnerId", "User", label="Owner ID", createable=False),
    read_only(datetime_("ContentModifiedDate")),
    picklist("SharingOption", ("A", "R"), createable=False, restricted_picklist=True),
    picklist("SharingPrivacy", ("N", "P"), createable=False, restricted_picklist=True),
    label="Content Document",
    createable=False,
)


def _content_document_link(linkable: tuple[str, ...]) -> SObjectType:
    return sobject(
        "ContentDocumentLink",
        "06A",
        reference("LinkedEntityId", *linkable, relationship="LinkedEntity", child="ContentDocumentLinks",
                  nillable=False, updateable=False),
        reference("ContentDocumentId", "ContentDocument", child="ContentDocumentLinks", nillable=False,
                  updateable=False, cascade_delete=True),
        picklist("ShareType", SHARE_TYPES, value_labels=("Viewer", "Collaborator", "Inferred"),
                 restricted_picklist=True, defaulted=True),
        picklist("Visibility", VISIBILITIES, restricted_picklist=True, defaulted=True),
        label="Content Document Link",
    )  # fmt: skip
