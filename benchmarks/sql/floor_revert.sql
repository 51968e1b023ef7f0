-- The same promises by hand: locks in the order of keys, nothing that was changed since is put back, outcomes on the rows, history.
SELECT set_config('batches.run', '1', true);
SELECT count(*) FROM (SELECT p.id FROM products_product p WHERE p.id IN (SELECT e.id FROM products_productevent e
    WHERE e.pgh_run = %(run)s) ORDER BY p.id FOR UPDATE) locked;
CREATE TEMPORARY TABLE floor_undo ON COMMIT DROP AS SELECT e.id, e.pgh_id, e.description, e.regular_price, e.modified,
    EXISTS (SELECT 1 FROM products_productevent later WHERE later.id = e.id AND later.pgh_id > e.pgh_id) AS touched
FROM products_productevent e WHERE e.pgh_run = %(run)s;
CREATE INDEX ON floor_undo (id);
ANALYZE floor_undo;
UPDATE products_product p SET description = u.description, regular_price = u.regular_price, modified = u.modified
FROM floor_undo u WHERE u.id = p.id AND NOT u.touched;
UPDATE products_productfilerow r SET status = CASE WHEN u.touched THEN 'kept' ELSE 'reverted' END
FROM floor_undo u WHERE r.batch_id = %(batch)s AND r.status = 'applied' AND u.id = r.product_id;
