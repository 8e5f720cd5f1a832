CREATE TEMP TABLE t (a text);
SELECT 1/0 \watch 1
SELECT 1;
\g
\cd /
\echo a \\ SELECT 2;
\set SINGLELINE off
SELECT 3;
