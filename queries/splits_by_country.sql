-- How each selection divides the samples of each country between the splits.
SELECT
    selection,
    country_code,
    count(*) FILTER (split = 'train') AS train,
    count(*) FILTER (split = 'validation') AS validation,
    count(*) FILTER (split = 'test') AS test
FROM selections
GROUP BY selection, country_code
ORDER BY selection, train DESC, country_code;
