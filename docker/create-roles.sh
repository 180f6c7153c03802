#!/bin/sh
# Runs once, in the database's own container: the portal's roles are no superusers (see docs/operations.md).
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
    --set datadesk="$DATABASE_PASSWORD" --set lake="$LAKE_PASSWORD" --set reader="$LAKE_READER_PASSWORD" <<'SQL'
CREATE ROLE datadesk LOGIN NOSUPERUSER PASSWORD :'datadesk';
CREATE ROLE lake LOGIN NOSUPERUSER PASSWORD :'lake';
CREATE ROLE lake_reader LOGIN NOSUPERUSER PASSWORD :'reader';
CREATE DATABASE datadesk OWNER datadesk;
CREATE DATABASE lake OWNER lake;
REVOKE ALL ON DATABASE datadesk, lake, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE lake TO lake_reader;
\connect lake
ALTER DEFAULT PRIVILEGES FOR ROLE lake GRANT USAGE ON SCHEMAS TO lake_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE lake GRANT SELECT ON TABLES TO lake_reader;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SQL
