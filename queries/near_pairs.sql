-- Which pairs of samples lie within 50 m of each other: candidates for one view taken twice.
-- Cells of 0.001 degrees with their neighbours keep the join small; distances are haversine.
WITH cells AS (
    SELECT key, lat, lon, floor(lat * 1000)::INTEGER AS y, floor(lon * 1000)::INTEGER AS x
    FROM samples
    WHERE lat IS NOT NULL AND abs(lat) < 85
),
neighbours AS (
    SELECT c.* REPLACE (c.y + dy.step AS y, c.x + dx.step AS x)
    FROM cells AS c, range(-1, 2) AS dy(step), range(-8, 9) AS dx(step)
    -- A degree of longitude shrinks towards the poles, so more cells are neighbours there.
    WHERE abs(dx.step) <= ceil(0.5 / cos(radians(c.lat)))
),
pairs AS (
    SELECT
        a.key AS key_a,
        b.key AS key_b,
        2 * 6371008.8 * asin(least(1, sqrt(
            sin(radians(b.lat - a.lat) / 2) ^ 2
            + cos(radians(a.lat)) * cos(radians(b.lat)) * sin(radians(b.lon - a.lon) / 2) ^ 2
        ))) AS metres
    FROM cells AS a
    JOIN neighbours AS b ON a.y = b.y AND a.x = b.x AND a.key < b.key
)
SELECT key_a, key_b, round(metres, 1) AS metres
FROM pairs
WHERE metres <= 50
ORDER BY metres, key_a, key_b;
