-- The login with which Sluice ends sessions and sees that they are gone. It
-- reads no table. Superusers' sessions are out of its reach.
CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE @GROUP@;
