-- What the way for emergencies was used for last is found at once, however long the trail is.
create index trail_of_glass on trail (number) where about = 'break glass';
