-- I: the bare INSERT … SELECT of the same rows, without history, guard or outcomes.
INSERT INTO products_product (number, code, description, size, unit, brand_id, department_id, category_id, location,
    active, manual_price, regular_price)
SELECT r.new_number, r.code, r.new_description, r.size, r.new_unit, r.brand_id, r.department_id, r.category_id, r.location,
    true, false, r.regular_price
FROM products_productfilerow r WHERE r.batch_id = %(batch)s;
