-- Of each session how it began, and when and from where it was last used.

alter table session add column way text not null default '';
alter table session add column origin text not null default '';
alter table session add column agent text not null default '';
-- What its person might do when it began: another role ends it. Empty for sessions from before there was this column.
alter table session add column rights text not null default '';
alter table session add column seen_at bigint not null default 0;
alter table session add column seen_origin text not null default '';

create index session_by_user on session (username);
