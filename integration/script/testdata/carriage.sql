CREATE TEMP TABLE t (a text);
COPY t FROM STDIN;
a;b
\.
SELECT 1 -- one
;

SELECT 2;
SELECT 3 -- no end ;SELECT 4; SELECT 5;
\echo x
SELECT 6 \g
SELECT 7