-- Runs before revoke.sql, which could not change a login with REPLICATION on
-- PostgreSQL 15 and older.
SELECT sluice_feed.lease('{{name}}', NULL);
