-- What was not allowed by its service's senders: 'quarantine' waits for somebody to release it, 'released' was let act,
-- 'shadow' acted and would not have.
alter table alert add column held text not null default '';

create index alert_quarantined on alert (mail_id) where held = 'quarantine';
