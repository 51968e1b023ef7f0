-- Ten columns; 10 %% of the products changed in price and description, one in a thousand below its cost, 1 %% as many new ones.
SELECT p.number AS "Number", p.code AS "UPC",
    CASE WHEN mod(p.id, 10) = 0 THEN bench_description(p.id, %(version)s) ELSE p.description END AS "Description",
    p.size::float AS "Size", p.unit AS "Unit", b.name AS "Brand", d.name AS "Department",
    CASE WHEN mod(p.id, 10) = 0 THEN p.regular_price + 0.25 WHEN mod(p.id, 1000) = 7 THEN round(c.unit_cost / 2, 2) ELSE p.regular_price END AS "Regular price",
    v.code AS "Vendor code", c.unit_cost AS "Unit cost"
FROM products_product p JOIN products_brand b ON b.id = p.brand_id JOIN products_department d ON d.id = p.department_id
    JOIN products_productcost c ON c.product_id = p.id JOIN products_vendor v ON v.id = c.vendor_id
UNION ALL
SELECT (900000000 + n)::text, bench_code(500000000 + n), bench_description(n, %(version)s), 12, 'oz', 'Good Harvest Foods ' || (1 + mod(n, 2000)),
    'Dry Groceries ' || (1 + mod(n, 20)), bench_price(n, 0), 'V' || (1 + mod(n, 100)), round(bench_price(n, 0) * 0.7, 4)
FROM generate_series(1, GREATEST(%(rows)s / 100, 1)) n
