SELECT 'included';
SELECT 'no semicolon (' , (1
