-- What a token may do. Tokens of earlier versions may do what they always could.

alter table token add column scope text not null default 'admin';
-- A JSON list; empty is all.
alter table token add column services text not null default '[]';
alter table token add column expires_at bigint;
alter table token add column revoked_at bigint;

-- Streams of events read the timelines by time.
create index timeline_by_time on timeline (at, incident_number, ordinal);
