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
-- What portal/embedded/roles.py says of the reader, in the same words.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure) FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN (
    'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_truncate', 'lo_truncate64', 'lo_unlink', 'lowrite',
    'pg_advisory_lock', 'pg_advisory_lock_shared', 'pg_advisory_xact_lock', 'pg_advisory_xact_lock_shared',
    'pg_logical_emit_message', 'pg_try_advisory_lock', 'pg_try_advisory_lock_shared',
    'pg_try_advisory_xact_lock', 'pg_try_advisory_xact_lock_shared') \gexec
ALTER ROLE lake_reader CONNECTION LIMIT 40;
ALTER ROLE lake_reader SET default_transaction_read_only = 'on';
ALTER ROLE lake_reader SET statement_timeout = '60s';
ALTER ROLE lake_reader SET idle_in_transaction_session_timeout = '10min';
ALTER ROLE lake_reader SET client_connection_check_interval = '2s';
ALTER ROLE lake_reader SET temp_file_limit = '1GB';
SQL
