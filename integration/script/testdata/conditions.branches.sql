\if true
SELECT 1;
\if false
SELECT 2;
\else
SELECT 3;
\endif
\elif true
SELECT 4;
\else
SELECT 5;
\endif
\if false
SELECT 6 \g
\q
\endif
SELECT 7;
