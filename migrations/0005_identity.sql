-- What the connection proved about the client that handed a mail in: encryption, name, certificate; a JSON object.

alter table mail add column client text not null default '{}';
