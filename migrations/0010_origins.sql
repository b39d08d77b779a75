-- What DNS said about where a mail comes from: SPF, DKIM, DMARC and ARC in words; a JSON object.

alter table mail add column authentication text not null default '{}';

-- Who handed in the mail that opened it, by address: a client's flood is told apart, whatever names it sends under.
alter table incident add column client text not null default '';

create index incident_by_client on incident (service, client, opened_at);
