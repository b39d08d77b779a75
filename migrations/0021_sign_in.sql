-- Sign-ins at a provider that have begun: each answer is good once, and only in the browser that has begun.
create table sign_in (
    state_hash text primary key,
    browser_hash text not null,
    nonce text not null,
    verifier text not null,
    next text not null,
    expires_at bigint not null
);

create index sign_in_by_end on sign_in (expires_at);
