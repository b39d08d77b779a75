-- Answers to requests with an Idempotency-Key, for who sends one again. Kept for a day.

create table answered_request (
    token text not null,
    key text not null,
    -- Of method, address and body: the same key with another request is a mistake.
    fingerprint text not null,
    begun_at bigint not null,
    -- Nothing while it is being done.
    status bigint,
    body text,
    etag text,
    primary key (token, key)
);

create index answered_request_by_time on answered_request (begun_at);
