-- U and I: the bare UPDATE … FROM of the changed products and the bare INSERT … SELECT of the new ones and their costs.
UPDATE products_product p SET description = r.new_description, regular_price = r.regular_price, modified = now()
FROM products_productfilerow r WHERE r.batch_id = %(batch)s AND r.action = 'update' AND p.id = r.product_id;
INSERT INTO products_product (number, code, description, size, unit, brand_id, department_id, location, active, manual_price, regular_price)
SELECT r.new_number, r.code, r.new_description, r.size, r.new_unit, r.brand_id, r.department_id, '', true, false, r.regular_price
FROM products_productfilerow r WHERE r.batch_id = %(batch)s AND r.action = 'create';
