-- Departments, categories, brands, vendors, and %(rows)s products with a cost each: the same at every run.
INSERT INTO products_department (name) SELECT 'Dry Groceries ' || n FROM generate_series(1, 20) n;
INSERT INTO products_category (name) SELECT 'Sauces and Spreads ' || n FROM generate_series(1, 200) n;
INSERT INTO products_brand (name) SELECT 'Good Harvest Foods ' || n FROM generate_series(1, 2000) n;
INSERT INTO products_vendor (code, name) SELECT 'V' || n, 'Wholesale ' || n FROM generate_series(1, 100) n;
INSERT INTO products_product (number, code, description, size, unit, brand_id, department_id, category_id, location,
    active, manual_price, regular_price)
SELECT (100000 + n)::text, bench_code(n), bench_description(n, 0), 1 + mod(n, 40), (ARRAY['oz', 'lb', 'each', 'ml'])[1 + mod(n, 4)],
    (SELECT min(id) FROM products_brand) + mod(n::bigint * 7919, 2000), (SELECT min(id) FROM products_department) + mod(n, 20),
    (SELECT min(id) FROM products_category) + mod(n, 200), 'Aisle ' || mod(n, 30), true, false, bench_price(n, 0)
FROM generate_series(1, %(rows)s) n;
INSERT INTO products_productcost (product_id, vendor_id, vendor_item_code, case_size, unit_cost, preferred)
SELECT id, (SELECT min(id) FROM products_vendor) + mod(id, 100), '', 1, round(regular_price * 0.7, 4), true
FROM products_product;
