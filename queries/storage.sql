-- How many bytes the captures take, as fetched and as stored. The views of a panorama are one capture.
SELECT
    source,
    count(*) FILTER (view = 0) AS captures,
    sum(raw_size) FILTER (view = 0)::BIGINT AS raw_bytes,
    count(tar_size) AS stored,
    coalesce(sum(tar_size), 0)::BIGINT AS stored_bytes,
    round(avg(raw_size) FILTER (view = 0))::BIGINT AS mean_raw_bytes,
    round(avg(tar_size))::BIGINT AS mean_stored_bytes
FROM captures
GROUP BY source
ORDER BY raw_bytes DESC, source;
