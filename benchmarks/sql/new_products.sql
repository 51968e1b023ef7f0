-- As many new products as there are products.
SELECT (700000000 + n)::text AS "Number", bench_code(700000000 + n) AS "UPC", bench_description(n, 0) AS "Description",
    1 + mod(n, 40) AS "Size", 'oz' AS "Unit", 'Good Harvest Foods ' || (1 + mod(n, 2000)) AS "Brand",
    'Dry Groceries ' || (1 + mod(n, 20)) AS "Department", 'Sauces and Spreads ' || (1 + mod(n, 200)) AS "Category", 'Aisle 7' AS "Location",
    bench_price(n, 0) AS "Regular price"
FROM generate_series(1, %(rows)s) n
