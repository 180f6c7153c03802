"""The PostgreSQL and the Valkey that `make run` and `make test` start when no address is configured."""
