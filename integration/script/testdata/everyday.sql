-- A comment before the first statement is not sent.
SELECT 1;
SELECT 2; SELECT 3;   SELECT
  4 -- four
  , /* five ; */ 5

  , 6;

/* a block comment
   ; over lines */
SELECT 'a;b', "a;b" FROM (SELECT 1 AS "a;b") AS t;;
 ;
SELECT $$ ; $$, $tag$ ; $$ ; $tag$, $_ä1$ ;
 $_ä1$;
SELECT 1 AS a$b$c; SELECT a$b$c FROM (SELECT 1 AS a$b$c) x;
VALUES (1), (2)\; SELECT 7\;
SELECT 8;
SELECT (1;2);
);
SELECT '
;

;
', 9;
  
	
SELECT 10
  
;
SELECT /* /* ; */ ; */ 11;
SELECT 1 /*/ ; */ + 1;
SELECT 5 -- ; no end here
  ; SELECT 6 --- ; nor here
  ;
SELECT 12
