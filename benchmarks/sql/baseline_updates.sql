-- U: the bare UPDATE … FROM of the same rows, without history, guard or outcomes.
UPDATE products_product p SET description = r.new_description, regular_price = r.regular_price, modified = now()
FROM products_productfilerow r WHERE r.batch_id = %(batch)s AND p.id = r.product_id;
