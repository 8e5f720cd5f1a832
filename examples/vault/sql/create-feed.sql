-- One login that follows changes. The attribute REPLICATION is its own, because no
-- group passes it on; what else it does, Sluice does as the group (SET ROLE).
CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE @GROUP@;
SELECT sluice_feed.lease('{{name}}', '{{expiration}}');
