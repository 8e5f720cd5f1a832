\restrict aBc123
SELECT 1;
\copy t to 'out.csv'
SELECT 2;
\echo x \\ SELECT 3;
\unrestrict aBc123
\echo y \\ SELECT 4;
