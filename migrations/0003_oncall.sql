-- Who is called, when, and when not.

-- Why a page waits; what else is known of an incident's handling, as a JSON object.
alter table incident add column held text not null default '';
alter table incident add column state text not null default '{}';

create index incident_held on incident (number) where held <> '' and resolved_at is null;

-- How often the same thing was opened lately.
create index incident_by_key on incident (service, dedup_key, opened_at);
create index incident_by_service on incident (service, opened_at);

-- People called in although somebody has the incident.
alter table notification add column called_in bigint not null default 0;

-- What was said together: the notification that stands for the others.
alter table notification add column bundle text;

create index notification_by_bundle on notification (bundle) where bundle is not null;

-- Each way to reach somebody: what is under way there, and when it was used lately (a JSON list of instants).
create table line (
    channel text not null,
    address text not null,
    busy_until bigint,
    sent_at text not null,
    primary key (channel, address)
);

-- Somebody takes over shifts of a schedule.
create table shift_override (
    id text primary key,
    schedule text not null,
    username text not null,
    replaces text,
    starts_at bigint not null,
    ends_at bigint not null,
    author text not null,
    created_at bigint not null
);

create index shift_override_by_end on shift_override (ends_at);

-- Incidents that are known for a while: what they must be like is a JSON object.
create table silence (
    id text primary key,
    wanted text not null,
    starts_at bigint not null,
    ends_at bigint not null,
    reason text not null,
    author text not null,
    created_at bigint not null
);

create index silence_by_end on silence (ends_at);

-- Mails that are expected: when the last came, and when it is missed.
create table heartbeat (
    service text not null,
    name text not null,
    declared_at bigint not null,
    last_at bigint,
    missing_since bigint,
    due_at bigint,
    primary key (service, name)
);

create index heartbeat_due on heartbeat (due_at) where due_at is not null;
