-- How many bytes the captures take, as fetched and as stored at working size.
SELECT
    source,
    count(*) AS captures,
    sum(raw_size)::BIGINT AS raw_bytes,
    count(tar_size) AS stored,
    coalesce(sum(tar_size), 0)::BIGINT AS stored_bytes,
    round(avg(raw_size))::BIGINT AS mean_raw_bytes,
    round(avg(tar_size))::BIGINT AS mean_stored_bytes
FROM captures
GROUP BY source
ORDER BY raw_bytes DESC, source;
