-- compatible_from: 1
--
-- Times are integer microseconds of Unix time, 0 for none. JSON is TEXT, ''
-- for none. Booleans are 0 and 1. Hashes are BLOB. Amounts are integers, credits
-- in micro-units.

-- People ---------------------------------------------------------------------

CREATE TABLE users (
    id               TEXT    NOT NULL PRIMARY KEY,
    username         TEXT    NOT NULL,
    email            TEXT    NOT NULL,
    email_verified   INTEGER NOT NULL,
    display_name     TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    suspended_reason TEXT    NOT NULL,
    suspended_until  INTEGER NOT NULL,
    plan_id          TEXT    NOT NULL,
    limits           TEXT    NOT NULL,
    zone             TEXT    NOT NULL,
    zone_previous    TEXT    NOT NULL,
    zone_from        INTEGER NOT NULL,
    zone_changed_at  INTEGER NOT NULL,
    mfa_enabled      INTEGER NOT NULL,
    metadata         TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    last_login_at    INTEGER NOT NULL,
    email_key        TEXT    NOT NULL, -- the address in lower case
    email_shared     INTEGER NOT NULL, -- how many bytes it and the user name begin with in common
    -- When a suspension ends by itself; 0 for never, and without one.
    suspension_end   INTEGER NOT NULL GENERATED ALWAYS AS (
        CASE WHEN status = 'suspended' THEN suspended_until ELSE 0 END
    ) VIRTUAL
) STRICT;
-- One index for each order and each set of filters. A list of any status is
-- merged from those of both.
CREATE INDEX users_by_created       ON users (status, created_at, id);
CREATE INDEX users_by_login         ON users (status, last_login_at, id);
CREATE INDEX users_by_name          ON users (username, id);
CREATE INDEX users_by_email         ON users (email_shared, email_key, id);
CREATE INDEX users_by_status_name   ON users (status, username, id);
CREATE INDEX users_by_status_email  ON users (status, email_shared, email_key, id);
CREATE INDEX users_by_plan_created  ON users (plan_id, status, created_at, id);
CREATE INDEX users_by_plan_login    ON users (plan_id, status, last_login_at, id);
CREATE INDEX users_by_plan_name     ON users (plan_id, status, username, id);
CREATE INDEX users_by_plan_email    ON users (plan_id, status, email_shared, email_key, id);
CREATE INDEX users_by_suspension    ON users (suspension_end) WHERE suspension_end > 0;

-- A name is held by at most one subject, live or deleted.
CREATE TABLE identifiers (
    kind    TEXT NOT NULL,
    value   TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX identifiers_by_subject ON identifiers (subject, kind);

CREATE TABLE password_hashes (
    subject    TEXT    NOT NULL PRIMARY KEY,
    hash       TEXT    NOT NULL,
    scheme     TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX password_hashes_by_scheme ON password_hashes (scheme);

CREATE TABLE totp_credentials (
    subject      TEXT    NOT NULL PRIMARY KEY,
    sealed       TEXT    NOT NULL,
    last_step    INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_codes (
    subject    TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (subject, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE deleted_users (
    id         TEXT    NOT NULL PRIMARY KEY,
    username   TEXT    NOT NULL,
    sealed     TEXT    NOT NULL,
    deleted_at INTEGER NOT NULL,
    deleted_by TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    purge_at   INTEGER NOT NULL,
    purging    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX deleted_users_by_deleted ON deleted_users (deleted_at, id);
CREATE INDEX deleted_users_by_name    ON deleted_users (username, id);
CREATE INDEX deleted_users_by_purge   ON deleted_users (purge_at, id);

CREATE TABLE support_staff (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    username      TEXT    NOT NULL,
    email         TEXT    NOT NULL,
    level         INTEGER NOT NULL,
    status        TEXT    NOT NULL,
    mfa_enabled   INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    last_login_at INTEGER NOT NULL
) STRICT;
CREATE INDEX support_staff_by_created ON support_staff (created_at, id);

CREATE TABLE admins (
    id            TEXT    NOT NULL PRIMARY KEY,
    username      TEXT    NOT NULL,
    email         TEXT    NOT NULL,
    permissions   TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    mfa_enabled   INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    last_login_at INTEGER NOT NULL
) STRICT;
CREATE INDEX admins_by_created ON admins (created_at, id);

-- Signing in -----------------------------------------------------------------

CREATE TABLE sessions (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    ip         TEXT    NOT NULL,
    user_agent TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    idle_until INTEGER NOT NULL,
    reauth_at  INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL,
    -- The first moment at which the session is no longer live.
    ends_at    INTEGER NOT NULL GENERATED ALWAYS AS (
        CASE WHEN revoked_at = 0 THEN min(expires_at, idle_until)
             ELSE min(expires_at, idle_until, revoked_at) END
    ) VIRTUAL
) STRICT;
CREATE INDEX sessions_by_subject ON sessions (subject, created_at, id);
CREATE INDEX sessions_by_end     ON sessions (ends_at);

CREATE TABLE refresh_tokens (
    hash           BLOB    NOT NULL PRIMARY KEY,
    session_id     TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    successor_hash BLOB    NOT NULL,
    key_id         TEXT    NOT NULL,
    used_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id, seq);

CREATE TABLE sign_in_failures (
    key          TEXT    NOT NULL PRIMARY KEY,
    count        INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_failures_by_expiry ON sign_in_failures (expires_at);

CREATE TABLE known_devices (
    subject TEXT    NOT NULL,
    address TEXT    NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (subject, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_devices_by_seen ON known_devices (seen_at);

CREATE TABLE one_time_tokens (
    hash       BLOB    NOT NULL PRIMARY KEY,
    purpose    TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX one_time_tokens_by_subject ON one_time_tokens (subject, purpose);
CREATE INDEX one_time_tokens_by_expiry  ON one_time_tokens (expires_at);

-- Keys -----------------------------------------------------------------------

CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    family       TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    prefix       TEXT    NOT NULL,
    last4        TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    allowed_ips  TEXT    NOT NULL,
    rate_limit   TEXT    NOT NULL,
    limits       TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    rotated_from TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    retires_at   INTEGER NOT NULL,
    revoked_at   INTEGER NOT NULL,
    hash         BLOB    NOT NULL UNIQUE,
    -- When the key ends by itself.
    ends_at      INTEGER NOT NULL GENERATED ALWAYS AS (
        CASE WHEN retires_at = 0 THEN expires_at
             WHEN expires_at = 0 THEN retires_at
             ELSE min(expires_at, retires_at) END
    ) VIRTUAL
) STRICT;
CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at, id);
CREATE INDEX api_keys_live    ON api_keys (user_id, ends_at) WHERE status <> 'revoked';

CREATE TABLE service_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    prefix       TEXT    NOT NULL,
    last4        TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    allowed_ips  TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER NOT NULL,
    hash         BLOB    NOT NULL UNIQUE
) STRICT;
CREATE INDEX service_keys_by_created ON service_keys (created_at, id);

-- Metering -------------------------------------------------------------------

CREATE TABLE plans (
    id                     TEXT    NOT NULL PRIMARY KEY,
    name                   TEXT    NOT NULL,
    limits                 TEXT    NOT NULL,
    credit_grant           TEXT    NOT NULL,
    rate_limit             TEXT    NOT NULL,
    on_interrupt           TEXT    NOT NULL,
    message_text_retention INTEGER NOT NULL,
    message_retention      INTEGER NOT NULL,
    from_config            INTEGER NOT NULL,
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL
) STRICT;
CREATE INDEX plans_by_created ON plans (created_at, id);

CREATE TABLE usage (
    subject    TEXT    NOT NULL,
    meter      TEXT    NOT NULL,
    period     TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    used       INTEGER NOT NULL, -- what limits are held against
    counted    INTEGER NOT NULL, -- the same, but that resets do not take from it
    resets     INTEGER NOT NULL DEFAULT 0, -- how often used was set to 0: a refund gives back to used what it was counted in since
    PRIMARY KEY (subject, meter, period, started_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_start ON usage (started_at, meter);

CREATE TABLE reservations (
    id         TEXT    NOT NULL PRIMARY KEY,
    subject    TEXT    NOT NULL,
    meter      TEXT    NOT NULL,
    amount     INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    settled    INTEGER NOT NULL,
    shortfall  INTEGER NOT NULL,
    refunded   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    counters   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_by_expiry ON reservations (expires_at);

-- One row for each counter that a lease counts against, and one with an empty
-- period for the balance. The key answers "how much is held at this moment"
-- from a range: what is past its deadline is outside of it.
CREATE TABLE holds (
    subject        TEXT    NOT NULL,
    meter          TEXT    NOT NULL,
    period         TEXT    NOT NULL,
    started_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    reservation_id TEXT    NOT NULL,
    amount         INTEGER NOT NULL,
    PRIMARY KEY (subject, meter, period, started_at, expires_at, reservation_id)
) STRICT, WITHOUT ROWID;

-- Rows are only added; of a grant, remaining follows what is taken from it.
CREATE TABLE ledger_entries (
    id              TEXT    NOT NULL PRIMARY KEY,
    user_id         TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    amount          INTEGER NOT NULL,
    balance         INTEGER NOT NULL,
    shortfall       INTEGER NOT NULL,
    source          TEXT    NOT NULL,
    priority        INTEGER NOT NULL,
    remaining       INTEGER NOT NULL CHECK (remaining >= 0),
    expires_at      INTEGER NOT NULL,
    grant_id        TEXT    NOT NULL,
    reservation_id  TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    -- When what is left of a grant goes: the largest integer for never.
    ends_at         INTEGER NOT NULL GENERATED ALWAYS AS (
        CASE WHEN expires_at = 0 THEN 9223372036854775807 ELSE expires_at END
    ) VIRTUAL
) STRICT;
CREATE INDEX ledger_entries_by_user        ON ledger_entries (user_id, created_at, id);
CREATE INDEX ledger_entries_to_spend       ON ledger_entries (user_id, priority, ends_at, created_at, id) WHERE remaining > 0;
CREATE INDEX ledger_entries_to_expire      ON ledger_entries (expires_at, id) WHERE remaining > 0 AND expires_at > 0;
CREATE INDEX ledger_entries_by_reservation ON ledger_entries (reservation_id, id) WHERE reservation_id <> '';
CREATE UNIQUE INDEX ledger_entries_by_key  ON ledger_entries (user_id, idempotency_key) WHERE idempotency_key <> '';

-- The sum of a user's ledger.
CREATE TABLE balances (
    user_id    TEXT    NOT NULL PRIMARY KEY,
    amount     INTEGER NOT NULL CHECK (amount >= 0),
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_records (
    caller     TEXT    NOT NULL,
    route      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    body_hash  BLOB    NOT NULL,
    outcome    BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (caller, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_records_by_expiry ON idempotency_records (expires_at);

-- Audit ----------------------------------------------------------------------

-- Each event has the place after the one before it, without gaps; chain binds it
-- to its place and to all before it.
CREATE TABLE audit_events (
    seq          INTEGER NOT NULL PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    at           INTEGER NOT NULL,
    actor_kind   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    on_behalf_of TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    target_kind  TEXT    NOT NULL,
    target_id    TEXT    NOT NULL,
    target_owner TEXT    NOT NULL,
    result       TEXT    NOT NULL,
    request_id   TEXT    NOT NULL,
    count        INTEGER NOT NULL,
    detail_hash  BLOB    NOT NULL,
    key_id       TEXT    NOT NULL,
    mac          BLOB    NOT NULL,
    chain        BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_events_by_time   ON audit_events (at, id);
CREATE INDEX audit_events_by_actor  ON audit_events (actor_id, at, id);
CREATE INDEX audit_events_by_target ON audit_events (target_id, at, id);
CREATE INDEX audit_events_by_owner  ON audit_events (target_owner, at, id) WHERE target_owner <> '';
CREATE INDEX audit_events_by_action ON audit_events (action, at, id);
CREATE INDEX audit_events_by_result ON audit_events (result, at, id) WHERE result <> 'ok';

-- The erasable part of an event.
CREATE TABLE audit_details (
    event_id   TEXT NOT NULL PRIMARY KEY,
    salt       BLOB NOT NULL,
    actor_name TEXT NOT NULL,
    ip         TEXT NOT NULL,
    reason     TEXT NOT NULL,
    changes    TEXT NOT NULL
) STRICT;

-- The end of the trail: one row, or none before the first event.
CREATE TABLE audit_head (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq   INTEGER NOT NULL,
    chain BLOB    NOT NULL
) STRICT;

CREATE TABLE audit_anchors (
    kind       TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    chain      BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    key_id     TEXT    NOT NULL,
    mac        BLOB    NOT NULL,
    PRIMARY KEY (kind, seq)
) STRICT;

-- Upkeep ---------------------------------------------------------------------

-- Ids are never given twice, even after all rows were purged.
CREATE TABLE change_feed (
    id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    key    TEXT    NOT NULL,
    origin TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

-- Totals that are kept so that they need not be counted.
CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

-- How many of the users there are signed up on each day of UTC, as its midnight.
CREATE TABLE sign_ups (
    day   INTEGER NOT NULL PRIMARY KEY,
    users INTEGER NOT NULL
) STRICT;

CREATE TRIGGER users_added AFTER INSERT ON users BEGIN
    INSERT INTO counters (name, value) VALUES ('users.' || NEW.status, 1)
        ON CONFLICT (name) DO UPDATE SET value = value + 1;
    INSERT INTO sign_ups (day, users) VALUES (NEW.created_at - NEW.created_at % 86400000000, 1)
        ON CONFLICT (day) DO UPDATE SET users = users + 1;
END;
CREATE TRIGGER users_removed AFTER DELETE ON users BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'users.' || OLD.status;
    UPDATE sign_ups SET users = users - 1 WHERE day = OLD.created_at - OLD.created_at % 86400000000;
END;
CREATE TRIGGER users_changed AFTER UPDATE OF status ON users WHEN NEW.status <> OLD.status BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'users.' || OLD.status;
    INSERT INTO counters (name, value) VALUES ('users.' || NEW.status, 1)
        ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER deleted_users_added AFTER INSERT ON deleted_users BEGIN
    INSERT INTO counters (name, value) VALUES ('deleted_users', 1)
        ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER deleted_users_removed AFTER DELETE ON deleted_users BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'deleted_users';
END;

CREATE TABLE settings (
    name       TEXT    NOT NULL PRIMARY KEY,
    value      TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL
) STRICT;

CREATE TABLE outbox (
    id          TEXT    NOT NULL PRIMARY KEY,
    message_id  TEXT    NOT NULL UNIQUE,
    recipient   TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    last_error  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    sent_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at, id) WHERE sent_at = 0;

CREATE TABLE task_runs (
    task         TEXT    NOT NULL,
    scheduled_at INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    owner        TEXT    NOT NULL,
    fence        INTEGER NOT NULL,
    lease_until  INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL,
    detail       TEXT    NOT NULL,
    PRIMARY KEY (task, scheduled_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_runs_by_time   ON task_runs (scheduled_at);
CREATE INDEX task_runs_under_way ON task_runs (task, lease_until) WHERE finished_at = 0;
