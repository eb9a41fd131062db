-- The queue of changes. Times are wall-clock epoch seconds, 0 for never; payload, result and error_fields are JSON.
-- owner binds a row to the org and user (or mailbox user) it was made for: it is never sent under another.
-- in_doubt_since is when the last byte of an attempt without a known outcome may have left at the latest; 0 when there is no doubt.
CREATE TABLE operation (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    owner TEXT NOT NULL,
    target TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    payload TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL DEFAULT 'pending' CHECK (
        state IN ('pending', 'sending', 'checking', 'paused', 'failed', 'done', 'discarded', 'superseded')
    ),
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    first_sent_at REAL NOT NULL DEFAULT 0,
    last_sent_at REAL NOT NULL DEFAULT 0,
    in_doubt_since REAL NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    closed_at REAL NOT NULL DEFAULT 0,
    error_code TEXT NOT NULL DEFAULT '',
    error_text TEXT NOT NULL DEFAULT '',
    error_fields TEXT NOT NULL DEFAULT '[]',
    result TEXT NOT NULL DEFAULT '{}',
    subject_message INTEGER NOT NULL DEFAULT 0,
    subject_record TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX operation_moving ON operation (account, target, seq) WHERE state IN ('pending', 'sending', 'checking');
CREATE INDEX operation_unfinished ON operation (state, seq) WHERE state NOT IN ('done', 'discarded', 'superseded');
CREATE INDEX operation_of_message ON operation (subject_message, seq) WHERE subject_message <> 0;
CREATE INDEX operation_of_record ON operation (subject_record, seq) WHERE subject_record <> '';
CREATE INDEX operation_closed ON operation (closed_at) WHERE closed_at <> 0;
-- operation_id waits until needs is done; both are operation_id values of operation.
CREATE TABLE operation_dependency (
    operation_id TEXT NOT NULL REFERENCES operation (operation_id) ON DELETE CASCADE,
    needs TEXT NOT NULL REFERENCES operation (operation_id),
    PRIMARY KEY (operation_id, needs)
) STRICT, WITHOUT ROWID;
CREATE INDEX operation_dependency_needs ON operation_dependency (needs);
