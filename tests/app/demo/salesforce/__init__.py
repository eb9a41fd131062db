"""The Salesforce half of the demo world, held to the facts page and to an unmodified client library."""
