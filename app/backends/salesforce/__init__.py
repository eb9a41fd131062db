"""Salesforce's REST API and OAuth addresses over simple-salesforce and requests. The one door: `SalesforceGateway`, `SalesforceTokenEndpoint`."""

from __future__ import annotations

from app.backends.salesforce.gateway import SalesforceGateway
from app.backends.salesforce.token_endpoint import SalesforceTokenEndpoint

__all__ = ["SalesforceGateway", "SalesforceTokenEndpoint"]
