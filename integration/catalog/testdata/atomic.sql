-- Bodies of SQL statements, which 13 does not have.
CREATE FUNCTION lab.atomic(p int) RETURNS text BEGIN ATOMIC INSERT INTO lab.quiet VALUES (p, ''); SELECT email FROM lab.people WHERE id = p; END;
CREATE FUNCTION lab.returns(p int) RETURNS text RETURN (SELECT phone FROM lab.people WHERE id = p) || lab.one_mail(p);
