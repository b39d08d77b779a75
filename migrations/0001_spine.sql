-- One history for SQLite and PostgreSQL: bigint, text and blob columns only. Instants are UTC milliseconds.
-- On PostgreSQL the store declares `blob` as a domain over bytea before this runs (src/store/dialect.rs).

create table counter (
    name text primary key,
    value bigint not null
);

insert into counter (name, value) values ('incident', 0);

create table mail (
    id text primary key,
    received_at bigint not null,
    peer text not null,
    helo text not null,
    reverse_path text not null,
    recipients text not null,
    size_bytes bigint not null,
    sha256 text not null,
    raw blob not null,
    message_id text,
    header_from text not null,
    subject text not null,
    origin_at bigint not null,
    defects text not null,
    trace text not null
);

create index mail_by_time on mail (received_at, id);

-- What each mail claimed, for which recipient, and what became of it.
create table alert (
    mail_id text not null references mail (id),
    ordinal bigint not null,
    recipient text not null,
    service text not null,
    action text not null,
    dedup_key text not null,
    severity text not null,
    summary text not null,
    rule text not null,
    reason text not null,
    outcome text not null,
    incident_number bigint,
    primary key (mail_id, ordinal)
);

create index alert_by_incident on alert (incident_number);

-- The same mail delivered twice is recognised here (I6).
create table seen (
    recipient text not null,
    fingerprint text not null,
    mail_id text not null,
    received_at bigint not null,
    primary key (recipient, fingerprint)
);

create index seen_by_time on seen (received_at);

create table incident (
    number bigint primary key,
    service text not null,
    dedup_key text not null,
    status text not null,
    severity text not null,
    summary text not null,
    alert_count bigint not null,
    opened_at bigint not null,
    acknowledged_at bigint,
    acknowledged_by text,
    resolved_at bigint,
    triggered_at bigint not null,
    policy text not null,
    policy_round bigint not null,
    policy_step bigint not null,
    exhausted bigint not null,
    pages bigint not null,
    due_at bigint,
    touched_at bigint not null
);

-- At most one open incident per service and dedup key, at every instant (I10).
create unique index incident_open on incident (service, dedup_key) where resolved_at is null;

create index incident_due on incident (due_at) where due_at is not null;

create table timeline (
    incident_number bigint not null references incident (number),
    ordinal bigint not null,
    at bigint not null,
    kind text not null,
    actor text not null,
    detail text not null,
    mail_id text,
    primary key (incident_number, ordinal)
);

create table notification (
    id text primary key,
    incident_number bigint not null references incident (number),
    page bigint not null,
    username text not null,
    channel text not null,
    address text not null,
    status text not null,
    attempts bigint not null,
    rings bigint not null,
    created_at bigint not null,
    due_at bigint not null,
    lease_until bigint,
    lease_token text,
    nonce text not null,
    provider_ref text,
    last_error text,
    finished_at bigint
);

-- The plan cannot contain a page twice (I24).
create unique index notification_once on notification (incident_number, page, username, channel, address);

create index notification_due on notification (due_at) where status in ('pending', 'sending');

-- API tokens, by the hash of what the caller presents.
create table token (
    hash text primary key,
    name text not null unique,
    created_at bigint not null
);

-- One row a node; writing it proves that writing works (/readyz).
create table node (
    name text primary key,
    seen_at bigint not null
);
