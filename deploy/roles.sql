-- Logins for the processes, one each, so that each holds the rights of its own service only.
--
-- The group roles leadline_qualification, _pipeline, _forecast and _worker own nothing, cannot log
-- in and cannot pass row-level security. Migrations make them where the migrating role may create
-- roles; this makes them too, and then the logins that may act as them. Run it before or after
-- `leadline migrate`, as a role that may create roles; repeating it changes the passwords:
--
--   psql "$OWNER_URL" -v qualification_password=... -v pipeline_password=... \
--        -v forecast_password=... -v worker_password=... -f deploy/roles.sql
--
-- Then give each process its own address, for example
--   LEADLINE_PIPELINE_DATABASE_URL=postgresql://leadline_pipeline_login:...@host/leadline

\set ON_ERROR_STOP on

BEGIN;

-- Of any two that run this at once the second waits.
SELECT pg_advisory_xact_lock(1818583396);

SELECT format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', name)
FROM unnest(ARRAY[
    'leadline_qualification',
    'leadline_pipeline',
    'leadline_forecast',
    'leadline_worker',
    'leadline_qualification_login',
    'leadline_pipeline_login',
    'leadline_forecast_login',
    'leadline_worker_login'
]) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name)
\gexec

ALTER ROLE leadline_qualification_login LOGIN PASSWORD :'qualification_password';
ALTER ROLE leadline_pipeline_login LOGIN PASSWORD :'pipeline_password';
ALTER ROLE leadline_forecast_login LOGIN PASSWORD :'forecast_password';
ALTER ROLE leadline_worker_login LOGIN PASSWORD :'worker_password';

GRANT leadline_qualification TO leadline_qualification_login;
GRANT leadline_pipeline TO leadline_pipeline_login;
GRANT leadline_forecast TO leadline_forecast_login;
GRANT leadline_worker TO leadline_worker_login;

-- Whatever the application sends, a connection of its own never waits for ever.
ALTER ROLE leadline_qualification_login SET lock_timeout = '5s';
ALTER ROLE leadline_pipeline_login SET lock_timeout = '5s';
ALTER ROLE leadline_forecast_login SET lock_timeout = '5s';
ALTER ROLE leadline_worker_login SET lock_timeout = '5s';

COMMIT;
