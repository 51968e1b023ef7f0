-- The same promises by hand: what exists by now is a conflict, keys and outcomes on the rows, history by the triggers.
SELECT set_config('batches.run', '1', true);
UPDATE products_productfilerow r SET status = 'conflict',
    issues = COALESCE(r.issues, '[]') || '[{"code": "exists_now", "field": "", "severity": "error"}]'
WHERE r.batch_id = %(batch)s AND NOT r.removed AND r.status IN ('ok', 'warning')
    AND EXISTS (SELECT FROM products_product p WHERE p.number = r.new_number);
UPDATE products_productfilerow r SET status = 'applied', applied_at = statement_timestamp(),
    product_id = nextval('products_product_id_seq')
WHERE r.batch_id = %(batch)s AND NOT r.removed AND r.status IN ('ok', 'warning');
INSERT INTO products_product (id, number, code, description, size, unit, brand_id, department_id, category_id, location,
    active, manual_price, regular_price, modified)
SELECT r.product_id, r.new_number, r.code, r.new_description, r.size, r.new_unit, r.brand_id, r.department_id, r.category_id,
    r.location, true, false, r.regular_price, statement_timestamp()
FROM products_productfilerow r WHERE r.batch_id = %(batch)s AND r.status = 'applied' AND r.product_id IS NOT NULL
ORDER BY r.product_id ON CONFLICT DO NOTHING;
