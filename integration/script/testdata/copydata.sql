CREATE TEMP TABLE t (a text, b text);
COPY t FROM STDIN;
1	; DROP TABLE users;
\\	it's
\N	$$
\.
SELECT 1;
copy t (a, b) from stdin with (format csv); SELECT 2;
"x;",'
\.
SELECT 3;
COPY t FROM STDIN\; COPY pg_temp.t (a) FROM STDIN WITH NULL 'x'; SELECT 4;
a	b
\.
c
\.
COPY t TO STDOUT;
COPY (SELECT 'from stdin') TO STDOUT;
COPY /* c */ "t" -- d
 FROM /* e */ STDOUT;
a	b
\.
COPY t FROM STDIN \g
a	b
\.
SELECT 5; COPY t FROM STDIN
;
x	y
 \\.	\\.
\.
COPY t FROM
STDIN DELIMITER ','; SELECT 6; /* rest
1,2
\.
 of the comment */ SELECT 7;
SELECT 8; COPY t FROM STDIN;
last	\\
\.
COPY t FROM STDIN \gdesc
SELECT 9;
COPY t FROM STDIN \gexec
a	b
\.
SELECT 10;
COPY t FROM STDIN \gset
a	b
\.
SELECT 11;
COPY t FROM STDIN \crosstabview
a	b
\.
SELECT 12;
