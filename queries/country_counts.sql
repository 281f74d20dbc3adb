-- How many captures of each country there are, how many are kept, and in how many regions.
SELECT
    country_code,
    any_value(country_name) AS country_name,
    continent(country_code) AS continent,
    count(*) AS captures,
    count(*) FILTER (status = 'kept') AS kept,
    count(DISTINCT region_id) FILTER (status = 'kept') AS regions,
    round(share(count(*) FILTER (status = 'kept')), 4) AS share_of_kept
FROM captures
GROUP BY country_code
ORDER BY kept DESC, captures DESC, country_code;
