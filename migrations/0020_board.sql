-- The newest incidents of a service, whatever their state: a service that has few of many is found at once.
create index incident_of_service on incident (service, number);
