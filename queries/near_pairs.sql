-- Which pairs of samples lie near each other: candidates for one view taken twice.
-- Cells as high as the distance, with their neighbours, keep the join small.
-- $metres: pairs up to so far apart. Default 50.
WITH grid AS (
    -- A degree of latitude has 111.19 km.
    SELECT
        $metres::DOUBLE / 111000 AS degrees,
        floor(360 / ($metres::DOUBLE / 111000))::BIGINT AS columns
),
cells AS (
    SELECT
        key,
        lat,
        lon,
        columns,
        floor(lat / degrees)::BIGINT AS y,
        floor((lon + 180) / 360 * columns)::BIGINT % columns AS x,
        -- A degree of longitude shrinks towards the poles, so more cells are neighbours there.
        ceil(1 / cos(radians(least(abs(lat) + degrees, 89.9))))::BIGINT AS reach
    FROM samples, grid
    WHERE lat IS NOT NULL AND lon IS NOT NULL
),
neighbours AS (
    SELECT key, lat, lon, y + dy.step AS y, (x + dx.step + columns) % columns AS x
    FROM cells, range(-1, 2) AS dy(step), unnest(range(-reach, reach + 1)) AS dx(step)
)
SELECT
    a.key AS key_a,
    b.key AS key_b,
    round(1000 * haversine_km(a.lat, a.lon, b.lat, b.lon), 1) AS metres
FROM cells AS a
JOIN neighbours AS b ON a.y = b.y AND a.x = b.x AND a.key < b.key
WHERE 1000 * haversine_km(a.lat, a.lon, b.lat, b.lon) <= $metres
ORDER BY metres, key_a, key_b;
