-- Those who were paged are told that somebody has it, or that it is over.

create table follow_up (
    id text primary key,
    -- The message that told them: the first of what was said together.
    notification text not null,
    incident_number bigint not null,
    kind text not null,
    actor text not null,
    status text not null,
    attempts bigint not null,
    created_at bigint not null,
    due_at bigint not null,
    lease_until bigint,
    lease_token text,
    last_error text,
    finished_at bigint,
    -- What acts on several incidents that were said together is told once.
    unique (notification, kind, created_at)
);

create index follow_up_due on follow_up (due_at) where status in ('pending', 'sending');
