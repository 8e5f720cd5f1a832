-- One login that follows changes. It has the attribute REPLICATION itself, because
-- no group passes it on. Sluice has the session work as the group all the same.
CREATE ROLE "{{name}}" LOGIN NOINHERIT PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE @GROUP@;
SELECT sluice_feed.lease('{{name}}', '{{expiration}}');
