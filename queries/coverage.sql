-- How densely each country is covered: samples per 1,000 km², and the part of it that has any.
-- A part counts as covered when a sample lies in its grid cell.
-- $km: the side of a cell. Default 10.
WITH covered AS (
    SELECT
        country_code,
        any_value(country_name) AS country_name,
        count(*) AS samples,
        count(DISTINCT region_id) AS regions,
        count(DISTINCT cell(lat, lon, $km)) AS cells
    FROM samples
    GROUP BY country_code
),
countries AS (
    SELECT country_code, count(*) AS regions, sum(km2) AS km2 FROM areas GROUP BY country_code
)
SELECT
    country_code,
    country_name,
    samples,
    round(km2)::BIGINT AS km2,
    round(samples / km2 * 1000, 3) AS samples_per_1000_km2,
    covered.regions,
    countries.regions AS of_regions,
    cells,
    round(least(1, cells * ($km::DOUBLE) ^ 2 / km2), 6) AS share_covered
FROM covered
LEFT JOIN countries USING (country_code)
ORDER BY samples_per_1000_km2 DESC NULLS LAST, country_code;
