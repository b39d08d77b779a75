-- What a text message is answered by, and what is not known of an attempt.

-- Short, and the only one of its phone number.
alter table notification add column code text;

-- When the newest attempt began, and since when nobody knows whether one has arrived.
alter table notification add column attempted_at bigint;
alter table notification add column uncertain_since bigint;

create index notification_by_code on notification (address) where code is not null;

-- Calls that may still ring.
create index notification_call on notification (attempted_at) where channel = 'voice' and provider_ref is not null;
