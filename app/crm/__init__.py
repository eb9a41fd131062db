"""Salesforce: lookup, describe, logging, files, records, as services over the CrmGateway port."""
