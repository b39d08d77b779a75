-- How people sign in to the pages. Who there is, and what they may do, is in the definitions.

create table person_password (
    username text primary key,
    hash text not null,
    set_at bigint not null
);

-- One-time invitations to set a password, by the hash of what the link has.
create table invite (
    hash text primary key,
    username text not null,
    created_at bigint not null,
    expires_at bigint not null
);

-- By the hash of what the cookie has.
create table session (
    hash text primary key,
    username text not null,
    created_at bigint not null,
    expires_at bigint not null
);
