-- Why captures were rejected, by source, with one example each.
SELECT
    reason,
    source,
    count(*) AS captures,
    round(count(*) / (SELECT count(*) FROM captures), 4) AS share_of_captures,
    min(key) AS example_key,
    min_by(detail, key) AS example_detail
FROM captures
WHERE status = 'rejected'
GROUP BY reason, source
ORDER BY captures DESC, reason, source;
