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
