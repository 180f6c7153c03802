"""The PostgreSQL and Valkey that are started where none is configured."""
