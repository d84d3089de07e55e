-- compatible_from: 1
--
-- The database of messages, in a file beside the other. Times are integer
-- microseconds of Unix time. JSON is TEXT, '' for none. Booleans are 0 and 1.

-- Indexes are what an insert costs. So messages are found by the number of their
-- conversation and by a hash of their user, and not by names.
CREATE TABLE message_logs (
    n            INTEGER NOT NULL PRIMARY KEY,
    id           TEXT    NOT NULL,
    conversation INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    user_id      TEXT    NOT NULL,
    user_key     INTEGER NOT NULL,
    username     TEXT    NOT NULL,
    plan         TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    request      TEXT    NOT NULL,
    response     TEXT    NOT NULL,
    tokens_in    INTEGER NOT NULL,
    tokens_out   INTEGER NOT NULL,
    cost         INTEGER NOT NULL,
    latency      INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    metadata     TEXT    NOT NULL,
    has_text     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_logs_by_id     ON message_logs (id);
CREATE INDEX message_logs_by_created       ON message_logs (created_at);
CREATE INDEX message_logs_by_user          ON message_logs (user_key, created_at);
CREATE INDEX message_logs_by_conversation  ON message_logs (conversation, created_at);
-- With what is added up, so that it is read from the index alone.
CREATE INDEX message_logs_by_model         ON message_logs (model, created_at, tokens_in, tokens_out, cost);
CREATE INDEX message_logs_by_plan          ON message_logs (plan, has_text, created_at);

-- Kept apart from the messages, so that deleting those never resets seq.
CREATE TABLE conversations (
    n               INTEGER NOT NULL PRIMARY KEY,
    user_id         TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL,
    last_seq        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX conversations_by_user ON conversations (user_id, conversation_id);
CREATE INDEX conversations_by_id          ON conversations (conversation_id);

-- What processes hold of the log in memory alone.
CREATE TABLE message_windows (
    id    TEXT    NOT NULL PRIMARY KEY,
    held  INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE INDEX message_windows_by_until ON message_windows (until);
