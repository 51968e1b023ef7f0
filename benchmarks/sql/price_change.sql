-- Every product with another price and another description.
SELECT number AS "Number", bench_description(id, %(version)s) AS "Description", bench_price(id, %(version)s) AS "Regular price"
FROM products_product
