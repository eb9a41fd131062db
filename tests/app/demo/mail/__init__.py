"""The mail servers, driven by IMAPClient and smtplib as they come."""
