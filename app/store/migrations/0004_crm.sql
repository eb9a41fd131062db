-- Salesforce beside the mail. No record values here: shapes of objects, names of records acted on, log results, files on their way out, the ledger.
-- One describe (trimmed to what forms need) by object; body 'null' means that the user does not see the object.
CREATE TABLE describe_cache (
    login_id INTEGER NOT NULL REFERENCES crm_login (login_id) ON DELETE CASCADE,
    object_type TEXT NOT NULL,
    etag TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL,
    fetched_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (login_id, object_type)
) STRICT, WITHOUT ROWID;
-- Id, type and name of records the user acted on: valid targets when RAM is empty, for 30 days. Stand-ins of queued creates are here too.
CREATE TABLE known_record (
    login_id INTEGER NOT NULL REFERENCES crm_login (login_id) ON DELETE CASCADE,
    record_id TEXT NOT NULL,
    object_type TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    used_at REAL NOT NULL DEFAULT 0,
    expires_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (login_id, record_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_record_used ON known_record (login_id, used_at);
CREATE INDEX known_record_expiry ON known_record (expires_at);
-- Where a message was logged, or is to be logged. state: queued, logged, failed ("sending" is read from the operation).
CREATE TABLE log_result (
    message_id INTEGER NOT NULL,
    login_id INTEGER NOT NULL REFERENCES crm_login (login_id) ON DELETE CASCADE,
    message_identifier TEXT NOT NULL DEFAULT '',
    operation_id TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    object_type TEXT NOT NULL DEFAULT '',
    record_id TEXT NOT NULL DEFAULT '',
    related_to TEXT NOT NULL DEFAULT '',
    changed_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (message_id, login_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_result_identifier ON log_result (login_id, message_identifier);
-- Bytes waiting to be uploaded. operation_id is '' while they are copied in; such rows are swept at the next start.
CREATE TABLE staged_file (
    staged_id TEXT NOT NULL PRIMARY KEY,
    operation_id TEXT NOT NULL DEFAULT '',
    file_name TEXT NOT NULL,
    size INTEGER NOT NULL DEFAULT 0,
    md5 TEXT NOT NULL DEFAULT '',
    staged_at REAL NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX staged_file_operation ON staged_file (operation_id);
CREATE TABLE staged_chunk (
    chunk_id INTEGER PRIMARY KEY,
    staged_id TEXT NOT NULL REFERENCES staged_file (staged_id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (staged_id, number)
) STRICT;
-- What left this machine for Salesforce. fields are API names, never values; cause is "click" or the rule's name.
CREATE TABLE ledger (
    entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    login_id INTEGER NOT NULL,
    owner TEXT NOT NULL DEFAULT '',
    operation_id TEXT NOT NULL DEFAULT '',
    cause TEXT NOT NULL DEFAULT '',
    verb TEXT NOT NULL,
    object_type TEXT NOT NULL,
    record_id TEXT NOT NULL DEFAULT '',
    fields TEXT NOT NULL DEFAULT '[]',
    bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
