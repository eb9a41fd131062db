"""Global and object describe. Source: DescribeGlobalResult and DescribeSObjectResult in the API guide."""

from __future__ import annotations

from typing import Any

from app.demo.salesforce.access import Actor
from app.demo.salesforce.schema import Field, FieldType, Schema, SObjectType
from app.demo.salesforce.schema.fields import NUMBER_TYPES

_SOAP_TYPES = {
    FieldType.ID: "tns:ID",
    FieldType.REFERENCE: "tns:ID",
    FieldType.BOOLEAN: "xsd:boolean",
    FieldType.INT: "xsd:int",
    FieldType.DOUBLE: "xsd:double",
    FieldType.CURRENCY: "xsd:double",
    FieldType.PERCENT: "xsd:double",
    FieldType.DATE: "xsd:date",
    FieldType.DATETIME: "xsd:dateTime",
    FieldType.BASE64: "xsd:base64Binary",
    FieldType.ADDRESS: "urn:address",
}


def visible_objects(schema: Schema, actor: Actor) -> list[SObjectType]:
    """The objects that exist for a user, by name. The Name object is no object of its own."""
    found = (one for one in schema.objects.values() if one.name != "Name" and actor.can_read(one))
    return sorted(found, key=lambda one: one.name)


def describe_global(schema: Schema, actor: Actor, version: str) -> dict[str, Any]:
    """The answer of /sobjects."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [describe_basics(one, actor, version) for one in visible_objects(schema, actor)],
    }


def describe_basics(sobject: SObjectType, actor: Actor, version: str) -> dict[str, Any]:
    """The flags and links of an object without its fields."""
    access = actor.access(sobject)
    url = f"/services/data/v{version}/sobjects/{sobject.name}"
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": sobject.createable and access.create,
        "custom": sobject.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": sobject.deletable and access.delete,
        "deprecatedAndHidden": False,
        "feedEnabled": sobject.feed_enabled,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.key_prefix or None,
        "label": sobject.label,
        "labelPlural": sobject.label_plural,
        "layoutable": sobject.searchable,
        "mergeable": sobject.name in ("Account", "Contact", "Lead", "Case"),
        "mruEnabled": sobject.searchable,
        "name": sobject.name,
        "queryable": sobject.queryable,
        "replicateable": True,
        "retrieveable": True,
        "searchable": sobject.searchable,
        "triggerable": True,
        "undeletable": sobject.soft_delete,
        "updateable": sobject.updateable and access.edit,
        "urls": {"rowTemplate": url + "/{ID}", "describe": f"{url}/describe", "sobject": url},
    }


def describe_object(schema: Schema, sobject: SObjectType, actor: Actor, version: str) -> dict[str, Any]:
    """The answer of /sobjects/X/describe: fields the user may not see are absent."""
    children = []
    for relationship in schema.children_of(sobject.name):
        child = schema.objects[relationship.child]
        if actor.can_read(child) and actor.can_see(child, child.by_name[relationship.field_name.lower()]):
            children.append(
                {
                    "cascadeDelete": relationship.cascade_delete,
                    "childSObject": relationship.child,
                    "deprecatedAndHidden": False,
                    "field": relationship.field_name,
                    "junctionIdListNames": [],
                    "junctionReferenceTo": [],
                    "relationshipName": relationship.name or None,
                    "restrictedDelete": False,
                }
            )
    return {
        "actionOverrides": [],
        **describe_basics(sobject, actor, version),
        "childRelationships": children,
        "compactLayoutable": sobject.searchable,
        "fields": [describe_field(sobject, one, actor) for one in actor.visible_fields(sobject)],
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": "012000000000000AAA",
                "urls": {},
            }
        ],
        "searchLayoutable": sobject.searchable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": "All", "name": "everything"}],
    }


def describe_field(sobject: SObjectType, one: Field, actor: Actor) -> dict[str, Any]:
    """One field. ``defaultValue`` is given for booleans only, as real orgs do."""
    number = one.type in NUMBER_TYPES
    return {
        "aggregatable": one.filterable and one.type is not FieldType.BOOLEAN,
        "aiPredictionField": False,
        "autoNumber": one.auto_number,
        "byteLength": one.length * 3 if one.is_text else one.length,
        "calculated": one.calculated,
        "calculatedFormula": None,
        "cascadeDelete": one.cascade_delete,
        "caseSensitive": False,
        "compoundFieldName": one.compound or None,
        "controllerName": None,
        "createable": actor.can_set(sobject, one, creating=True) and actor.access(sobject).create,
        "custom": one.custom,
        "defaultValue": bool(one.default) if one.type is FieldType.BOOLEAN else None,
        "defaultValueFormula": None,
        "defaultedOnCreate": one.defaulted,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": one.precision if one.type is FieldType.INT else 0,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": one.external_id,
        "extraTypeInfo": ("richtextarea" if one.html else "plaintextarea") if one.type is FieldType.TEXTAREA else None,
        "filterable": one.filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": one.groupable,
        "highScaleNumber": False,
        "htmlFormatted": one.html,
        "idLookup": one.id_lookup,
        "inlineHelpText": None,
        "label": one.label,
        "length": one.length,
        "mask": None,
        "maskType": None,
        "name": one.name,
        "nameField": one.name_field,
        "namePointing": one.polymorphic,
        "nillable": one.nillable,
        "permissionable": one.permissionable,
        "picklistValues": _picklist(one),
        "polymorphicForeignKey": one.polymorphic,
        "precision": one.precision if number and one.type is not FieldType.INT else 0,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(one.reference_to),
        "relationshipName": one.relationship_name or None,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": one.restricted_picklist,
        "scale": one.scale,
        "searchPrefilterable": False,
        "soapType": _SOAP_TYPES.get(one.type, "xsd:string"),
        "sortable": one.sortable,
        "type": one.type.value,
        "unique": one.unique,
        "updateable": actor.can_set(sobject, one, creating=False) and actor.access(sobject).edit,
        "writeRequiresMasterRead": False,
    }


def _picklist(one: Field) -> list[dict[str, Any]]:
    labels = one.value_labels or one.values
    return [
        {
            "active": True,
            "defaultValue": value == one.default,
            "label": label,
            "validFor": None,
            "value": value,
        }
        for value, label in zip(one.values, labels, strict=True)
    ]
