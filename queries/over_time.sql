-- How many captures were taken in each month, how many are kept, and in how many countries.
-- $unit: the length of a period: year, quarter, month, week or day. Default month.
SELECT
    date_trunc($unit::VARCHAR, captured_at)::DATE AS period,
    count(*) AS captures,
    count(*) FILTER (status = 'kept') AS kept,
    count(DISTINCT country_code) FILTER (status = 'kept') AS countries,
    (sum(count(*) FILTER (status = 'kept')) OVER (ORDER BY period NULLS LAST))::BIGINT AS kept_so_far
FROM captures
GROUP BY period
ORDER BY period NULLS LAST;
