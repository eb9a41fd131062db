-- What exists once: the file's identity, and who is signed in.
CREATE TABLE meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    database_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    writes INTEGER NOT NULL DEFAULT 0,
    checked_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE mail_account (
    account_id INTEGER PRIMARY KEY AUTOINCREMENT,
    address TEXT NOT NULL,
    display_name TEXT NOT NULL DEFAULT '',
    imap TEXT NOT NULL,
    smtp TEXT NOT NULL,
    is_demo INTEGER NOT NULL DEFAULT 0,
    is_paused INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE crm_login (
    login_id INTEGER PRIMARY KEY AUTOINCREMENT,
    login_url TEXT NOT NULL,
    instance_url TEXT NOT NULL,
    client_id TEXT NOT NULL,
    org_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    username TEXT NOT NULL DEFAULT '',
    display_name TEXT NOT NULL DEFAULT '',
    org_name TEXT NOT NULL DEFAULT '',
    is_sandbox INTEGER NOT NULL DEFAULT 0,
    ca_file TEXT NOT NULL DEFAULT '',
    is_demo INTEGER NOT NULL DEFAULT 0,
    refresh_token TEXT NOT NULL DEFAULT '',
    needs_sign_in INTEGER NOT NULL DEFAULT 0,
    UNIQUE (org_id, user_id)
) STRICT;
