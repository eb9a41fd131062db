"""Frozen values that every floor shares: identifiers, mail, CRM records and operations. No I/O."""
