CREATE TEMP TABLE t (a text, b text); CREATE SCHEMA s1; CREATE TABLE s1."t x" ("a b" text, c text);
\copy t to 'out.csv' csv header
\copy t (a, b) to out.csv with (format csv)
  \copy ( select   a , 'x  y' , E'it\'s' from t  where (a = 'b') ) to 'out.csv'
\copy s1."t x" ("a b", c) TO pstdout
\copy s1 . "t x" to program 'cat > out.txt' with (format text)
\copy t from stdin
a	b;
\.
SELECT 1;
\copy t (a) from stdin with csv
x
\.
\copy t from '/dev/null'
\copy t from program 'echo 1'
\copy binary t to 'out.bin'
\copy t to stdout;
\copy t to 'it''s.csv' (format csv, delimiter ';')
\copy (values (1), (2)) to stdout \\ SELECT 2;
\copy t from pstdin
SELECT 3
\copy t to stdout
 , 4;
\copy t where
\copy (select 1
\copy "t"(a)to'out.csv'csv
\copy (select ':x', "a" from t) to stdout csv
\copy t.a.b to stdout
\copy t(a,b)from'/dev/null'
\copy (table t)to program'cat'
\copy (select 'a''b)' , "c" from (select 1 as "c") x) to stdout
\copy (select $$ ( $$) to stdout
\copy t to stdout csv quote '"' escape E'\''
\copy
SELECT 5;
