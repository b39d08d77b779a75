-- Browsers that people have subscribed to pages: their phones, above all.

create table push_subscription (
    -- Made of the endpoint, so that subscribing again changes the row that is there.
    id text primary key,
    username text not null,
    endpoint text not null,
    p256dh text not null,
    auth text not null,
    name text not null,
    created_at bigint not null,
    -- What it was told last, so that a second attempt leaves out whom the first one reached.
    told text not null,
    last_ok_at bigint,
    -- Its push service knows it no more.
    gone_at bigint
);

create index push_subscription_by_user on push_subscription (username);
