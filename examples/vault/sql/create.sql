-- One session's login, or that of a few sessions of one person. By itself it
-- may do nothing (NOINHERIT): Sluice has every session work as the group, with
-- the start-up parameter "role". So it owns nothing, and whoever gets out of
-- the group has less and not more.
CREATE ROLE "{{name}}" LOGIN NOINHERIT PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE @GROUP@;
