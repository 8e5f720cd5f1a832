SELECT :a, 1::integer, '{1,2,3}'::int[], (ARRAY[1,2,3])[1:2], (ARRAY[1,2,3])[:b];
SELECT :'a;b', 1; SELECT 2; ';
SELECT :"a;b", 1; SELECT 3; ";
SELECT :'unset', :"unset", ':inside', ":inside", $$:inside$$ /* :inside */; -- :inside
SELECT :{a;}; SELECT :{?; SELECT 4; SELECT : a; SELECT ::a; SELECT a:=1;
SELECT a:b, :1, :ä; SELECT :'ä', :'a b'; SELECT :''; SELECT 5;
