-- Why captures were rejected, by source, with one example each.
SELECT
    reason,
    source,
    count(*) AS captures,
    round(count(*) / (SELECT count(*) FROM captures), 4) AS share_of_captures,
    round(
        count(*) / (SELECT count(*) FROM captures AS c WHERE c.source IS NOT DISTINCT FROM r.source), 4
    ) AS share_of_source,
    min(key) AS example_key,
    min_by(detail, key) AS example_detail
FROM captures AS r
WHERE status = 'rejected'
GROUP BY reason, source
ORDER BY captures DESC, reason, source;
