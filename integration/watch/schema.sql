-- What the suite copies, over and over and under many names: people without keys and
-- tokens.
CREATE TABLE crm.guests AS SELECT id, email, country, born FROM crm.people;
COMMENT ON COLUMN crm.guests.email IS 'class:contact.email';
ALTER TABLE crm.guests OWNER TO shop_app;
GRANT SELECT (id, country) ON crm.guests TO analysts;
