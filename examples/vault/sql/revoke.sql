-- Ends a login and all that was done with it. Vault runs this as one
-- transaction, and again later if it fails, so it has to bear a login that is
-- gone already.
DO $revoke$
DECLARE
    login CONSTANT name := '{{name}}';
    number CONSTANT oid := (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = login);
BEGIN
    IF number IS NULL THEN
        RETURN;
    END IF;
    -- Vault makes and ends logins one by one: none may wait for long.
    SET LOCAL lock_timeout = '5s';
    EXECUTE pg_catalog.format('ALTER ROLE %I NOLOGIN PASSWORD NULL', login);
    EXECUTE pg_catalog.format('REVOKE @GROUP@ FROM %I', login);
    -- Whoever is not a superuser needs to be a member for what follows.
    EXECUTE pg_catalog.format('GRANT %I TO CURRENT_USER', login);

    -- PostgreSQL does not end the sessions of a role that is dropped: they go
    -- on with an open cursor, or as the group.
    FOR attempt IN 1..500 LOOP
        PERFORM pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = number;
        EXIT WHEN NOT FOUND;
        PERFORM pg_catalog.pg_sleep(0.01), pg_catalog.pg_stat_clear_snapshot();
    END LOOP;

    -- Usually it owns nothing. What it made before it became the group is the
    -- group's from now on; DROP OWNED then only takes back what it was granted.
    -- If something is in the way, the role stays, as a name that nobody can use:
    -- a failure would give it its password back.
    BEGIN
        EXECUTE pg_catalog.format('REASSIGN OWNED BY %I TO @HEIR@', login);
        EXECUTE pg_catalog.format('DROP OWNED BY %I', login);
        EXECUTE pg_catalog.format('DROP ROLE %I', login);
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'the revoked login % cannot be dropped: %', login, SQLERRM;
    END;

    -- Until this is committed somebody could still log in.
    PERFORM pg_catalog.pg_stat_clear_snapshot();
    PERFORM pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = number;
END
$revoke$;
