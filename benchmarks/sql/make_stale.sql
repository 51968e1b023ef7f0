-- Production moves under 10 %% of the rows, other ones than those that the file changes.
UPDATE products_product SET location = 'Moved ' || %(version)s, regular_price = regular_price + 0.01 WHERE mod(id, 10) = 3;
