-- Whom we hear of, and whom we can reach.

-- When a service last heard of a sender.
create table sender (
    service text not null,
    sender text not null,
    mails bigint not null,
    last_mail_id text not null,
    last_at bigint not null,
    primary key (service, sender)
);

create index sender_by_time on sender (last_at);

-- Whose mail opened it: one sender's flood is told apart from the others.
alter table incident add column sender text not null default '';

create index incident_by_sender on incident (service, sender, opened_at);

-- How well a way to reach somebody works: proven by its person, taken by its provider, answered by a human, failed.
alter table line add column verified_at bigint;
alter table line add column accepted_at bigint;
alter table line add column answered_at bigint;
alter table line add column failed_at bigint;
alter table line add column failed_why text;

-- What people are told beside pages: tests of a contact method, coming on call.
create table notice (
    id text primary key,
    nonce text not null,
    -- Of the occasion: told once, whoever notices it.
    occasion text not null unique,
    kind text not null,
    content text not null,
    username text not null,
    channel text not null,
    address text not null,
    status text not null,
    attempts bigint not null,
    guesses bigint not null,
    created_at bigint not null,
    due_at bigint not null,
    lease_until bigint,
    lease_token text,
    last_error text,
    finished_at bigint
);

create index notice_due on notice (due_at) where status in ('pending', 'sending');
create index notice_by_line on notice (channel, address, created_at);

-- Who was on call when it was last looked at; a row without a name says that it was looked at.
create table on_call (
    schedule text not null,
    username text not null,
    since bigint not null,
    primary key (schedule, username)
);

-- Probes are counted below zero.
insert into counter (name, value) values ('probe', 0);
