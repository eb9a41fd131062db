"""The durable queue of changes and its exactly-once replay. It knows neither mail nor CRM: handlers do."""
