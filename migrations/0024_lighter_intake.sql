-- Ids of mails sort by when they came: nothing asks by this.
drop index mail_by_time;
