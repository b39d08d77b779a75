-- What rules read besides the summary: details and links, as JSON objects by name.
alter table incident add column details text not null default '{}';
alter table incident add column links text not null default '{}';
alter table alert add column details text not null default '{}';
alter table alert add column links text not null default '{}';

-- Counting what each rule matched, and what no rule knew.
create index alert_by_rule on alert (rule, mail_id);
