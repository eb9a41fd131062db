"""OAuth 2.0 as Salesforce speaks it: authorize pages, PKCE, tokens with rotation, revocation, identity."""
