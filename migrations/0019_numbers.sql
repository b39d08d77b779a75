-- The numbers of a stretch of time: incidents by when they opened.
create index incident_by_time on incident (opened_at);

-- What a node runs, and by which definitions: its files by name, with a digest of each.
alter table node add column version text not null default '';
alter table node add column definitions text not null default '';
alter table node add column files text not null default '{}';
