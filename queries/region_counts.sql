-- How many samples each region has, their share of its country's, and how many lie outside its polygon.
SELECT
    country_code,
    region_id,
    any_value(region_name) AS region_name,
    count(*) AS samples,
    round(count(*) / sum(count(*)) OVER (PARTITION BY country_code), 4) AS share_of_country,
    count(*) FILTER (region_distance_km > 0) AS nearest_only
FROM samples
GROUP BY country_code, region_id
ORDER BY samples DESC, country_code, region_id;
