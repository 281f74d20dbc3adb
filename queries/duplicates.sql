-- How many rows were rejected as duplicates, at which level, and of how many that stay.
SELECT
    reason,
    level,
    count(*) AS duplicates,
    count(DISTINCT duplicate_of) AS of_rows,
    min(key) AS example_key,
    min_by(duplicate_of, key) AS example_of,
    min_by(detail, key) AS example_detail
FROM duplicates
GROUP BY reason, level
ORDER BY duplicates DESC, reason, level;
