-- Mail. A message is what somebody wrote; a location is where a server keeps it. Times are epoch seconds, 0 for never.
-- Flags are IMAP's words, sorted, with one space between.
-- uid_next, highest_mod_seq and first_sync_uid are written in the transaction of the rows that they cover.
-- first_sync_uid: headers of this UID and above are stored; 0 before the first chunk, 1 when the first sync is over.
-- is_on_server 0: made here, to be created by the first operation that needs it. server_total -1: not looked at yet.
CREATE TABLE folder (
    folder_id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES mail_account (account_id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    delimiter TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL DEFAULT 'none',
    is_selectable INTEGER NOT NULL DEFAULT 1,
    is_on_server INTEGER NOT NULL DEFAULT 1,
    missing_since REAL NOT NULL DEFAULT 0,
    uid_validity INTEGER NOT NULL DEFAULT 0,
    uid_next INTEGER NOT NULL DEFAULT 0,
    highest_mod_seq INTEGER NOT NULL DEFAULT 0,
    server_total INTEGER NOT NULL DEFAULT -1,
    first_sync_uid INTEGER NOT NULL DEFAULT 0,
    synced_at REAL NOT NULL DEFAULT 0,
    UNIQUE (account_id, path)
) STRICT;
-- message_id is date << 20 | sequence, so the primary key is the order of every list.
-- identity is a hash of what makes the same mail recognisable in another folder or under another UIDVALIDITY.
-- orphaned_since: it has no location any more; it goes at a later pass, unless an operation still needs it.
CREATE TABLE message (
    message_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES mail_account (account_id) ON DELETE CASCADE,
    identity BLOB NOT NULL,
    thread_id INTEGER NOT NULL DEFAULT 0,
    header_message_id TEXT NOT NULL DEFAULT '',
    in_reply_to TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL DEFAULT '',
    date INTEGER NOT NULL DEFAULT 0,
    internal_date INTEGER NOT NULL DEFAULT 0,
    sender_name TEXT NOT NULL DEFAULT '',
    sender_address TEXT NOT NULL DEFAULT '',
    recipients TEXT NOT NULL DEFAULT '',
    envelope TEXT NOT NULL DEFAULT '{}',
    size INTEGER NOT NULL DEFAULT 0,
    snippet TEXT NOT NULL DEFAULT '',
    has_attachments INTEGER NOT NULL DEFAULT 0,
    body_state TEXT NOT NULL DEFAULT 'none' CHECK (body_state IN ('none', 'stored', 'unreadable')),
    parser_version INTEGER NOT NULL DEFAULT 0,
    is_body_indexed INTEGER NOT NULL DEFAULT 0,
    orphaned_since REAL NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX message_identity ON message (account_id, identity);
CREATE INDEX message_header_id ON message (header_message_id) WHERE header_message_id <> '';
CREATE INDEX message_thread ON message (thread_id);
CREATE INDEX message_sender ON message (sender_address);
CREATE INDEX message_without_body ON message (account_id, message_id) WHERE body_state = 'none';
CREATE INDEX message_orphaned ON message (orphaned_since) WHERE orphaned_since <> 0;
-- A negative uid is a place that a queued move will give the message; the server has not shown it there yet.
-- server_flags is what the server said last, flags what the user sees (wishes applied); is_unread and is_shown follow from them.
-- missing_since: one look at the server did not find it; a second one must agree before the row goes.
CREATE TABLE location (
    location_id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message (message_id) ON DELETE CASCADE,
    folder_id INTEGER NOT NULL REFERENCES folder (folder_id) ON DELETE CASCADE,
    uid_validity INTEGER NOT NULL DEFAULT 0,
    uid INTEGER NOT NULL,
    mod_seq INTEGER NOT NULL DEFAULT 0,
    server_flags TEXT NOT NULL DEFAULT '',
    flags TEXT NOT NULL DEFAULT '',
    is_unread INTEGER NOT NULL DEFAULT 0,
    is_shown INTEGER NOT NULL DEFAULT 1,
    missing_since REAL NOT NULL DEFAULT 0,
    UNIQUE (folder_id, uid_validity, uid)
) STRICT;
CREATE INDEX location_message ON location (message_id);
CREATE INDEX location_list ON location (folder_id, message_id) WHERE is_shown = 1;
CREATE INDEX location_unread ON location (folder_id, message_id) WHERE is_shown = 1 AND is_unread = 1;
CREATE INDEX location_missing ON location (folder_id) WHERE missing_since <> 0;
-- How many rows of a folder's list fall into each span of 2^20 seconds (message_id >> 40), so that counts and
-- row numbers cost the spans of a folder and not its messages.
CREATE TABLE folder_span (
    folder_id INTEGER NOT NULL REFERENCES folder (folder_id) ON DELETE CASCADE,
    span INTEGER NOT NULL,
    total INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (folder_id, span)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER location_listed AFTER INSERT ON location WHEN new.is_shown = 1 BEGIN
    INSERT INTO folder_span (folder_id, span, total, unread)
        VALUES (new.folder_id, new.message_id >> 40, 1, new.is_unread)
        ON CONFLICT (folder_id, span) DO UPDATE SET total = total + 1, unread = unread + excluded.unread;
END;
CREATE TRIGGER location_unlisted AFTER DELETE ON location WHEN old.is_shown = 1 BEGIN
    UPDATE folder_span SET total = total - 1, unread = unread - old.is_unread
        WHERE folder_id = old.folder_id AND span = old.message_id >> 40;
END;
CREATE TRIGGER location_relisted AFTER UPDATE OF is_shown, is_unread, folder_id, message_id ON location
WHEN old.is_shown <> new.is_shown OR old.is_unread <> new.is_unread OR old.folder_id <> new.folder_id
    OR old.message_id <> new.message_id
BEGIN
    UPDATE folder_span SET total = total - old.is_shown, unread = unread - old.is_unread * old.is_shown
        WHERE folder_id = old.folder_id AND span = old.message_id >> 40;
    INSERT INTO folder_span (folder_id, span, total, unread)
        VALUES (new.folder_id, new.message_id >> 40, new.is_shown, new.is_unread * new.is_shown)
        ON CONFLICT (folder_id, span) DO UPDATE SET total = total + excluded.total, unread = unread + excluded.unread;
END;
CREATE TABLE body (
    message_id INTEGER PRIMARY KEY REFERENCES message (message_id) ON DELETE CASCADE,
    raw BLOB NOT NULL
) STRICT;
-- What the user wants of a message, by the operation that is to bring it about; a younger wish replaces an older one.
CREATE TABLE wanted_flag (
    message_id INTEGER NOT NULL REFERENCES message (message_id) ON DELETE CASCADE,
    flag TEXT NOT NULL,
    is_on INTEGER NOT NULL,
    operation_id TEXT NOT NULL,
    PRIMARY KEY (message_id, flag)
) STRICT, WITHOUT ROWID;
CREATE INDEX wanted_flag_operation ON wanted_flag (operation_id);
-- folder_id 0: to be removed for good. The folder may have gone meanwhile: its operation then says so. target_uid_floor is the folder's UIDNEXT before the first attempt, so that a copy made
-- by an attempt that lost its answer can be told from a message that was there before.
CREATE TABLE wanted_folder (
    message_id INTEGER PRIMARY KEY REFERENCES message (message_id) ON DELETE CASCADE,
    folder_id INTEGER NOT NULL,
    source_folder_id INTEGER NOT NULL,
    operation_id TEXT NOT NULL,
    target_uid_validity INTEGER NOT NULL DEFAULT 0,
    target_uid_floor INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX wanted_folder_operation ON wanted_folder (operation_id);
-- Which thread a Message-ID belongs to, whether its message is here or only referred to. reference is a 64-bit hash.
CREATE TABLE thread_reference (
    account_id INTEGER NOT NULL REFERENCES mail_account (account_id) ON DELETE CASCADE,
    reference INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    PRIMARY KEY (account_id, reference)
) STRICT, WITHOUT ROWID;
CREATE INDEX thread_reference_thread ON thread_reference (account_id, thread_id);
-- The low bits of message ids come from here, so that no id is ever given twice.
CREATE TABLE message_sequence (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    next INTEGER NOT NULL
) STRICT;
INSERT INTO message_sequence (only_row, next) VALUES (1, 1);
-- rowid is message_id: the newest hits are the last rows. Characters of scripts without spaces are indexed one by one (app.store.search).
CREATE VIRTUAL TABLE message_search USING fts5 (
    subject, sender, recipients, body, attachments,
    content='', contentless_delete=1, prefix='2 3', tokenize="unicode61 remove_diacritics 2"
);
-- The text of a message that is being written. draft_id is its Message-ID, payload JSON.
CREATE TABLE draft (
    draft_id TEXT NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES mail_account (account_id) ON DELETE CASCADE,
    payload TEXT NOT NULL,
    saved_at REAL NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- A message on its way out: its bytes are made once. state: queued, sending (DATA may have begun), accepted (by SMTP),
-- filed (a copy is in Sent).
CREATE TABLE outgoing (
    operation_id TEXT NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES mail_account (account_id) ON DELETE CASCADE,
    header_message_id TEXT NOT NULL,
    raw BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'accepted', 'filed')),
    changed_at REAL NOT NULL DEFAULT 0
) STRICT;
