"""The IMAP server of the demo world: IMAP4rev1 (RFC 3501, in the readings of RFC 9051) with extensions that can be switched off one by one."""
