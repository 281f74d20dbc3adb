-- How densely each region is covered, those without a sample too: samples per 1,000 km².
-- $country: only this country, by its code; all for all of them. Default all.
WITH counted AS (SELECT region_id, count(*) AS samples FROM samples GROUP BY region_id)
SELECT
    country_code,
    region_id,
    name,
    coalesce(samples, 0) AS samples,
    round(km2, 1) AS km2,
    round(coalesce(samples, 0) / km2 * 1000, 3) AS samples_per_1000_km2
FROM areas
LEFT JOIN counted USING (region_id)
WHERE $country::VARCHAR IN ('all', country_code)
    AND country_code IN (SELECT country_code FROM samples)
ORDER BY samples_per_1000_km2 DESC, country_code, region_id;
