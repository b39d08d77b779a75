-- Calendars elsewhere that schedules take their shifts from, as they were read last, so that a restart has them.
create table calendar (
    url text primary key,
    text text not null,
    etag text,
    fetched_at bigint not null,
    problem text
);

-- What only this installation knows.
create table secret (
    name text primary key,
    value text not null,
    created_at bigint not null
);
