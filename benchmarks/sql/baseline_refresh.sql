-- Look up, take base values, derive action, findings and status, and write only the rows that differ: by hand, in one statement.
-- The rules are those of the type and of production's columns; a row that breaks none pays for their conditions only.
UPDATE products_productfilerow r SET product_id = n.product_id, cost_id = n.cost_id, department_id = n.department_id,
    category_id = n.category_id, brand_id = n.brand_id, vendor_id = n.vendor_id, new_number = n.new_number,
    new_description = n.new_description, new_unit = n.new_unit, new_unit_cost = n.new_unit_cost, first_cost = n.first_cost,
    old_code = n.old_code, old_description = n.old_description, old_size = n.old_size, old_unit = n.old_unit,
    old_brand_id = n.old_brand_id, old_department_id = n.old_department_id, old_category_id = n.old_category_id,
    old_location = n.old_location, old_regular_price = n.old_regular_price, old_vendor_item_code = n.old_vendor_item_code,
    old_case_size = n.old_case_size, old_case_cost = n.old_case_cost, old_unit_cost = n.old_unit_cost,
    action = n.action, issues = n.issues, status = n.status
FROM (
    SELECT v.*, CASE WHEN v.issues @> '[{"severity": "error"}]' THEN 'error' WHEN v.issues @> '[{"severity": "warning"}]' THEN 'warning'
        WHEN v.action = 'unchanged' THEN 'unchanged' ELSE 'ok' END AS status
    FROM (
        SELECT u.*, CASE WHEN u.kept IS NULL AND NOT (u.new_number IS NULL OR u.new_number = '' OR COALESCE(u.price < u.unit_price, false)
            OR (u.description IS NULL AND u.new_description IS NOT NULL) OR (u.product_id IS NULL AND u.new_description IS NULL)
            OR (u.department_id IS NULL AND u.department_name IS NOT NULL) OR (u.category_id IS NULL AND u.category_name IS NOT NULL)
            OR (u.brand_id IS NULL AND u.brand_name IS NOT NULL) OR (u.vendor_id IS NULL AND (u.vendor_code IS NOT NULL OR u.vendor_name IS NOT NULL))
            OR length(u.new_number) > 40 OR length(u.code) > 40 OR length(u.new_description) > 255 OR length(u.brand_name) > 100
            OR length(u.category_name) > 100 OR length(u.new_unit) > 10 OR length(u.location) > 50 OR length(u.vendor_item_code) > 40
            OR u.new_unit NOT IN ('each', 'oz', 'lb', 'fl oz', 'pt', 'qt', 'gal', 'g', 'kg', 'ml', 'l', 'ct', 'pk', 'sq ft')
            OR u.price NOT BETWEEN 0 AND 9999999 OR COALESCE(u.size, u.old_size) <= 0 OR u.size >= 10000000
            OR COALESCE(u.case_size, u.old_case_size) < 1 OR u.case_cost NOT BETWEEN 0 AND 99999999 OR u.unit_price NOT BETWEEN 0 AND 999999
            OR (u.code IS DISTINCT FROM u.old_code AND u.code IS NOT NULL AND EXISTS (SELECT FROM products_product o
                WHERE o.code = u.code AND o.active AND o.code > '' AND o.id <> u.product_id)))
        THEN NULL ELSE NULLIF(COALESCE(u.kept, '[]') || jsonb_path_query_array(jsonb_build_array(
            CASE WHEN u.new_number IS NULL THEN '{"code": "no_key", "field": "number", "severity": "error"}'::jsonb END,
            CASE WHEN u.price < u.unit_price THEN jsonb_build_object('code', 'below_cost', 'field', 'regular_price', 'severity', 'warning',
                'params', jsonb_build_object('price', u.price::text, 'cost', u.unit_price::text)) END,
            CASE WHEN u.brand_id IS NULL AND u.brand_name IS NOT NULL THEN jsonb_build_object('code', 'unknown_brand', 'field', 'brand_name',
                'severity', 'notice', 'params', jsonb_build_object('label', 'brand', 'value', u.brand_name)) END,
            CASE WHEN u.department_id IS NULL AND u.department_name IS NOT NULL THEN jsonb_build_object('code', 'unknown_department', 'field',
                'department_name', 'severity', 'error', 'params', jsonb_build_object('label', 'department', 'value', u.department_name)) END
        ), '$[*] ? (@ != null)'), '[]') END AS issues
        FROM (
            SELECT t.*, COALESCE(t.regular_price, t.old_regular_price) AS price, COALESCE(t.new_unit_cost, t.old_unit_cost) AS unit_price,
                CASE WHEN t.product_id IS NULL AND t.new_number IS NOT NULL THEN 'create'
                WHEN t.code <> t.old_code OR t.new_description <> t.old_description OR (t.size IS NOT NULL AND t.size IS DISTINCT FROM t.old_size)
                    OR t.new_unit <> t.old_unit OR (t.brand_id IS NOT NULL AND t.brand_id IS DISTINCT FROM t.old_brand_id)
                    OR (t.department_id IS NOT NULL AND t.department_id IS DISTINCT FROM t.old_department_id)
                    OR (t.category_id IS NOT NULL AND t.category_id IS DISTINCT FROM t.old_category_id) OR t.location <> t.old_location
                    OR (t.regular_price IS NOT NULL AND t.regular_price IS DISTINCT FROM t.old_regular_price)
                    OR (t.brand_id IS NULL AND t.brand_name IS NOT NULL) OR (t.category_id IS NULL AND t.category_name IS NOT NULL)
                THEN 'update'
                WHEN t.vendor_item_code <> t.old_vendor_item_code OR t.case_size <> t.old_case_size OR t.new_unit_cost <> t.old_unit_cost
                    OR (t.case_cost IS NOT NULL AND t.case_cost IS DISTINCT FROM t.old_case_cost)
                    OR (t.cost_id IS NULL AND t.vendor_id IS NOT NULL AND t.new_unit_cost IS NOT NULL)
                THEN 'update' ELSE 'unchanged' END AS action
            FROM (
                SELECT q.id, q.number, q.code, q.description, q.size, q.department_name, q.category_name, q.brand_name, q.vendor_code,
                    q.vendor_name, q.location, q.regular_price, q.vendor_item_code, q.case_size, q.case_cost,
                    jsonb_path_query_array(q.issues, '$[*] ? (@.keep == true)') AS kept,
                    p.id AS product_id, c.id AS cost_id, d.id AS department_id, g.id AS category_id, b.id AS brand_id, w.id AS vendor_id,
                    COALESCE(q.number, q.code) AS new_number, COALESCE(q.description, CASE WHEN p.id IS NULL AND
                        (q.brand_name IS NOT NULL OR q.category_name IS NOT NULL) THEN btrim(concat_ws(' ', q.brand_name, q.category_name)) END)
                        AS new_description,
                    q.unit AS new_unit, COALESCE(q.unit_cost, CASE WHEN q.case_size > 0 THEN round(q.case_cost / q.case_size, 4) END) AS new_unit_cost,
                    CASE WHEN p.id IS NULL THEN true END AS first_cost, p.code AS old_code, p.description AS old_description,
                    p.size AS old_size, p.unit AS old_unit, p.brand_id AS old_brand_id, p.department_id AS old_department_id,
                    p.category_id AS old_category_id, p.location AS old_location, p.regular_price AS old_regular_price,
                    c.vendor_item_code AS old_vendor_item_code, c.case_size AS old_case_size, c.case_cost AS old_case_cost, c.unit_cost AS old_unit_cost
                FROM products_productfilerow q
                LEFT JOIN products_product p ON p.number = q.number
                LEFT JOIN products_department d ON upper(d.name) = upper(btrim(q.department_name))
                LEFT JOIN products_category g ON upper(g.name) = upper(btrim(q.category_name))
                LEFT JOIN products_brand b ON upper(b.name) = upper(btrim(q.brand_name))
                LEFT JOIN products_vendor w ON upper(w.code) = upper(btrim(q.vendor_code))
                LEFT JOIN products_productcost c ON c.product_id = p.id AND c.vendor_id = w.id
                WHERE q.batch_id = %(batch)s
            ) t
        ) u
    ) v OFFSET 0
) n
WHERE r.id = n.id AND (r.product_id, r.cost_id, r.department_id, r.category_id, r.brand_id, r.vendor_id, r.new_number, r.new_description,
    r.new_unit, r.new_unit_cost, r.first_cost, r.old_code, r.old_description, r.old_size, r.old_unit, r.old_brand_id, r.old_department_id,
    r.old_category_id, r.old_location, r.old_regular_price, r.old_vendor_item_code, r.old_case_size, r.old_case_cost, r.old_unit_cost,
    r.action, r.issues, r.status) IS DISTINCT FROM (n.product_id, n.cost_id, n.department_id, n.category_id, n.brand_id, n.vendor_id,
    n.new_number, n.new_description, n.new_unit, n.new_unit_cost, n.first_cost, n.old_code, n.old_description, n.old_size, n.old_unit,
    n.old_brand_id, n.old_department_id, n.old_category_id, n.old_location, n.old_regular_price, n.old_vendor_item_code, n.old_case_size,
    n.old_case_cost, n.old_unit_cost, n.action, n.issues, n.status);
