-- What populate promises, by hand: the records staged, then rows in one statement that looks up, takes the present values,
-- tells the action and checks; then the search for what rows share. The client's COPY comes behind the first two statements.
CREATE TEMP SEQUENCE floor_line;
CREATE TEMP TABLE floor_file ON COMMIT DROP AS SELECT sequence, number, code, description, size, unit, brand_name, department_name,
    regular_price, vendor_code, unit_cost FROM products_productfilerow WITH NO DATA;
ALTER TABLE floor_file ALTER sequence SET DEFAULT nextval('floor_line');
ANALYZE floor_file (number, brand_name, department_name, vendor_code);
INSERT INTO products_productfilerow (sequence, status, action, removed, removed_reason, issues, source_row, version, batch_id,
    product_id, cost_id, department_id, brand_id, vendor_id, number, code, description, size, unit, brand_name, department_name,
    regular_price, vendor_code, unit_cost, new_number, new_description, new_unit, new_unit_cost, first_cost, old_code,
    old_description, old_size, old_unit, old_brand_id, old_department_id, old_category_id, old_location, old_regular_price,
    old_vendor_item_code, old_case_size, old_case_cost, old_unit_cost)
SELECT sequence, CASE WHEN issues @> '[{"severity": "error"}]' THEN 'error' WHEN issues @> '[{"severity": "warning"}]' THEN 'warning'
        WHEN action = 'unchanged' THEN 'unchanged' ELSE 'ok' END, action, false, '', issues, sequence + 1, 0, %(batch)s,
    product_id, cost_id, department_id, brand_id, vendor_id, number, code, description, size, unit, brand_name, department_name,
    regular_price, vendor_code, unit_cost, number, description, unit, unit_cost, CASE WHEN product_id IS NULL THEN true END, old_code,
    old_description, old_size, old_unit, old_brand_id, old_department_id, old_category_id, old_location, old_regular_price,
    old_vendor_item_code, old_case_size, old_case_cost, old_unit_cost
FROM (
    SELECT *, CASE WHEN
            length(brand_name) > 100 OR length(vendor_code) > 20 OR length(number) > 40 OR length(code) > 40 OR length(description) > 255
            OR length(unit) > 10 OR coalesce(number, '') = '' OR description IS NULL AND product_id IS NULL OR abs(size) >= 10000000
            OR unit <> ALL ('{each,oz,lb,fl oz,pt,qt,gal,g,kg,ml,l,ct,pk,sq ft}') OR abs(regular_price) >= 10000000
            OR abs(unit_cost) >= 1000000 OR regular_price < 0 OR coalesce(size, old_size) <= 0 OR unit_cost < 0
            OR code <> old_code AND EXISTS (SELECT FROM products_product o WHERE o.code = f.code AND o.active AND o.id <> f.product_id)
            OR product_id IS NULL AND code <> '' AND EXISTS (SELECT FROM products_product o WHERE o.code = f.code AND o.active)
            OR department_id IS NULL AND department_name IS NOT NULL OR brand_id IS NULL AND brand_name IS NOT NULL
            OR vendor_id IS NULL AND vendor_code IS NOT NULL OR unit_cost IS NOT NULL AND vendor_code IS NULL
            OR coalesce(regular_price, old_regular_price) < coalesce(unit_cost, old_unit_cost)
        -- The one rule that records of the bench break; the words of the others would be made as seldom, and cost nothing.
        THEN jsonb_build_array(jsonb_build_object('code', 'below_cost', 'field', 'regular_price', 'severity', 'warning', 'params',
            jsonb_build_object('price', coalesce(regular_price, old_regular_price)::text,
                'cost', coalesce(unit_cost, old_unit_cost)::text))) END AS issues,
        CASE WHEN product_id IS NULL THEN 'create'
            WHEN code <> old_code OR description <> old_description OR size IS NOT NULL AND size IS DISTINCT FROM old_size
                OR unit <> old_unit OR brand_id IS NOT NULL AND brand_id IS DISTINCT FROM old_brand_id
                OR department_id IS NOT NULL AND department_id IS DISTINCT FROM old_department_id
                OR brand_id IS NULL AND brand_name IS NOT NULL
                OR regular_price IS NOT NULL AND regular_price IS DISTINCT FROM old_regular_price
                OR unit_cost IS NOT NULL AND vendor_id IS NOT NULL AND unit_cost IS DISTINCT FROM old_unit_cost THEN 'update'
            ELSE 'unchanged' END AS action
    FROM (
        SELECT s.*, p.id AS product_id, c.id AS cost_id, d.id AS department_id, b.id AS brand_id, v.id AS vendor_id,
            p.code AS old_code, p.description AS old_description, p.size AS old_size, p.unit AS old_unit, p.brand_id AS old_brand_id,
            p.department_id AS old_department_id, p.category_id AS old_category_id, p.location AS old_location,
            p.regular_price AS old_regular_price, c.vendor_item_code AS old_vendor_item_code, c.case_size AS old_case_size,
            c.case_cost AS old_case_cost, c.unit_cost AS old_unit_cost
        FROM floor_file s LEFT JOIN products_product p ON p.number = s.number
            LEFT JOIN products_department d ON upper(d.name) = upper(btrim(s.department_name))
            LEFT JOIN products_brand b ON upper(b.name) = upper(btrim(s.brand_name))
            LEFT JOIN (SELECT min(id) AS id, upper(code) AS code FROM products_vendor GROUP BY upper(code)) v
                ON v.code = upper(btrim(s.vendor_code))
            LEFT JOIN products_productcost c ON c.product_id = p.id AND c.vendor_id = v.id
    ) AS f
    -- The findings are read several times and must be made once.
    OFFSET 0
) AS checked;
SELECT count(code) <> count(DISTINCT code COLLATE "C"), count(new_number) <> count(DISTINCT new_number COLLATE "C"),
    count(product_id) <> count(DISTINCT product_id) FROM products_productfilerow WHERE batch_id = %(batch)s AND NOT removed;
DROP SEQUENCE floor_line CASCADE
