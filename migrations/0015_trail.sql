-- Who has changed what: one chain of rows, each with the hash of the row before it.

create table trail (
    number bigint primary key,
    at bigint not null,
    who text not null,
    -- By what: a page, the API, a key on the phone …
    way text not null,
    -- From where, as far as it is known.
    origin text not null,
    what text not null,
    about text not null,
    -- How it was and how it became, as JSON; empty where there is nothing to tell.
    was text not null,
    became text not null,
    previous text not null,
    hash text not null
);

-- The end of the chain. Whoever adds to it holds this row until the commit, so that it cannot fork.
create table trail_end (
    id bigint primary key,
    number bigint not null,
    hash text not null
);

insert into trail_end (id, number, hash) values (1, 0, '');

-- Which definitions each node had in force when the trail last told of them.
create table definitions_told (
    node text primary key,
    version text not null
);
