-- How many samples each region has, and how many of them lie outside its polygon.
SELECT
    country_code,
    region_id,
    any_value(region_name) AS region_name,
    count(*) AS samples,
    count(*) FILTER (region_distance_km > 0) AS nearest_only
FROM samples
GROUP BY country_code, region_id
ORDER BY samples DESC, country_code, region_id;
