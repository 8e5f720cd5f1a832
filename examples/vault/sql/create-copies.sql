-- One login at a place that copies are carried to: to look, to load, or to close.
-- It has the rights of its group at once (INHERIT), because the server tells about
-- a connection only to who it belongs to: right before a copy is published Sluice
-- measures as the login itself. What it makes is sluice_owner's all the same.
CREATE ROLE "{{name}}" LOGIN INHERIT PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE @GROUP@;
