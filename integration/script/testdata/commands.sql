SELECT 1 \g
\g
SELECT 2 \g out.txt
SELECT 3 \g | cat > out.txt ; SELECT 4;
SELECT 5 \g (format=unaligned tuples_only=on) out.txt
SELECT 6 \gx
SELECT 7 AS seven \gset
SELECT 8 AS eight \gset prefix_ \\ SELECT 9;
SELECT format('SELECT %L', 'out of a row') UNION ALL SELECT 'SELECT ''out of a row 2''' \gexec
SELECT 10 AS ten \gdesc
SELECT 'a' AS r, 'b' AS c, 1 AS v \crosstabview
SELECT 11 \echo in the middle
, 12;
SELECT 13 \r
SELECT 14;
SELECT 15
\p
, 16
\w out.txt
;
\echo SELECT 17; still echo
\echo 'a ; \' b' \\ SELECT 18;
\echo "a \\ b" \\SELECT 19;
\echo `echo SELECT 20;` \\ SELECT 21;
\set v 'SELECT 22;' \\ SELECT 23;
\nosuchcommand SELECT 24; \\ SELECT 25;
SELECT 26 \nosuchcommand \\ , 27
, 28;
\pset format unaligned \x
\x \t \\ SELECT 29;
\! echo 'SELECT 30;' \\ SELECT 31;
\o out.txt
SELECT 32;
\o
\timing off \\SELECT 33;\echo a\\SELECT 34;
SELECT (1 \g
SELECT 35;
SELECT '36' \g 'out.txt' extra
SELECT 37\g
\encoding UTF8
SELECT 38 \;
\g
SELECT 39 \: 40;
\echo 'unterminated ; SELECT 41;
SELECT 42 \g 'unterminated
SELECT 43;
\g out.txt
\unset v
SELECT 44 /* c */ \g
/* only a comment */ \g
/* only a comment */;
\; SELECT 45;
SELECT 46\
;
\i included.part.sql
\ir included.part.sql
SELECT 47
\i included.part.sql
, 48;
SELECT 49 \q
SELECT 50;
