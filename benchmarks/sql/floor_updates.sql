-- The same promises by hand: locks in the order of keys, conflicts told, outcomes on the rows, history by the triggers.
SELECT set_config('batches.run', '1', true);
SELECT count(*) FROM (SELECT p.id FROM products_product p WHERE p.id IN (SELECT r.product_id FROM products_productfilerow r
    WHERE r.batch_id = %(batch)s AND NOT r.removed AND r.status IN ('ok', 'warning')) ORDER BY p.id FOR NO KEY UPDATE) locked;
UPDATE products_productfilerow r SET
    status = CASE WHEN moved.moved THEN 'conflict' ELSE 'applied' END,
    applied_at = CASE WHEN moved.moved THEN NULL ELSE statement_timestamp() END,
    issues = CASE WHEN moved.moved THEN COALESCE(r.issues, '[]') || jsonb_build_array(jsonb_build_object('code', 'changed_since',
        'field', CASE WHEN moved.described THEN 'new_description' ELSE 'regular_price' END, 'severity', 'error')) ELSE r.issues END
FROM (SELECT q.id, d.described, d.described OR d.priced OR p.id IS NULL AS moved
    FROM products_productfilerow q LEFT JOIN products_product p ON p.id = q.product_id
    CROSS JOIN LATERAL (SELECT
        p.description IS DISTINCT FROM q.old_description AND p.description IS DISTINCT FROM q.new_description AS described,
        p.regular_price IS DISTINCT FROM q.old_regular_price AND p.regular_price IS DISTINCT FROM q.regular_price AS priced
    ) d WHERE q.batch_id = %(batch)s AND NOT q.removed AND q.status IN ('ok', 'warning') AND q.product_id IS NOT NULL) moved
WHERE r.id = moved.id;
UPDATE products_product p SET description = r.new_description, regular_price = r.regular_price, modified = statement_timestamp()
FROM products_productfilerow r WHERE r.batch_id = %(batch)s AND r.status = 'applied' AND p.id = r.product_id;
