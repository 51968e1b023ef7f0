-- What the bench's goods look like, as a function of their number.
CREATE FUNCTION bench_code(n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT body || mod(10 - mod((SELECT sum(substr(body, i, 1)::int * (CASE WHEN mod(i, 2) = 1 THEN 3 ELSE 1 END))
        FROM generate_series(1, 11) i), 10), 10)
    FROM (SELECT '0' || (1000000000 + n)::text AS body) AS b $$;
CREATE FUNCTION bench_description(n bigint, version int) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT (ARRAY['Organic', 'Classic', 'Roasted', 'Smoked', 'Frozen', 'Fresh', 'Dried'])[1 + mod(n, 7)] || ' '
        || (ARRAY['Tomato', 'Walnut', 'Chicken', 'Coffee', 'Barley', 'Apple', 'Salmon', 'Pepper', 'Lemon', 'Cheddar', 'Rice'])[1 + mod(n, 11)]
        || ' ' || (ARRAY['Soup', 'Spread', 'Bites', 'Bread', 'Drink', 'Snack', 'Mix', 'Sauce', 'Salad', 'Pasta', 'Bars', 'Cakes', 'Chips'])[1 + mod(n, 13)]
        || ' family size ' || n || CASE WHEN version = 0 THEN '' ELSE ' new ' || version END $$;
CREATE FUNCTION bench_price(n bigint, version int) RETURNS numeric IMMUTABLE LANGUAGE sql AS $$
    SELECT 1 + mod(n, 1900) / 100.0 + version / 100.0 $$;
-- Where the client's COPY of the same file goes: the file's columns in their types, logged, without an index.
CREATE TABLE bench_copy AS SELECT number, code, description, size, unit, brand_name, department_name, regular_price, vendor_code,
    unit_cost FROM products_productfilerow WITH NO DATA;
