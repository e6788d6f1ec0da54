-- Who may do what. Roles belong to the whole cluster, so another database of it may have made them already.
--
--   smoltbot_owner  owns everything here; nobody logs in as it. Migrations and upkeep run under its name.
--   ingest          brings traces in. Sees ids, digests and counters: enough to answer for duplicates.
--   anon            reads what is public, and nothing else.
--   service_role    erases content; the fact that something happened stays.
--
-- An edge logs in under names of its own that are members of `ingest` and of `anon` (see database/README.md).

DO $$
DECLARE
    wanted text;
    act    boolean;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['smoltbot_owner', 'ingest', 'anon', 'service_role'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                -- Another database's migration was faster.
                NULL;
            END;
        END IF;
    END LOOP;
    -- A superuser is every role already; anybody else has to be made a member to act under these names.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        FOREACH wanted IN ARRAY ARRAY['smoltbot_owner', 'ingest', 'anon', 'service_role'] LOOP
            act := pg_has_role(current_user, wanted, 'MEMBER');
            -- From Postgres 16 on whoever makes a role is a member who may give it on, but may not act as it.
            IF act AND current_setting('server_version_num')::int >= 160000 THEN
                act := pg_has_role(current_user, wanted, 'SET');
            END IF;
            IF NOT act THEN
                EXECUTE format('GRANT %I TO %I', wanted, current_user);
            END IF;
        END LOOP;
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO smoltbot_owner', current_database());
END
$$;

-- A reader who logs in as `anon` cannot hold the server up. Whoever only takes the role on sets the same by itself.
DO $$
BEGIN
    ALTER ROLE anon SET statement_timeout = '5s';
EXCEPTION WHEN insufficient_privilege OR internal_error THEN
    -- A managed service may own the role (and sets a limit of its own), or another database is doing the same now.
    NULL;
END
$$;

-- A database that was made before Postgres 15 lets everybody make things here, functions that shadow ours among them.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO smoltbot_owner;
GRANT USAGE ON SCHEMA public TO ingest, anon, service_role;
