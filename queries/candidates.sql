-- How many pictures of each country can be taken so that they follow a target distribution.
-- The country with the fewest samples for its target sets the scale, as in `lostfound quotas`.
-- $target: pictures wanted of each country, a JSON object by code: @FILE for the text of a file.
-- $min_share: countries with a smaller share of the samples are left out. Default 0.
WITH target AS (
    SELECT upper(key) AS country_code, value::BIGINT AS wanted
    FROM json_each($target::VARCHAR)
    WHERE value::BIGINT > 0
),
pool AS (
    SELECT
        country_code,
        any_value(country_name) AS country_name,
        count(*) AS samples,
        share(count(*)) >= $min_share::DOUBLE AS enough
    FROM samples
    WHERE country_code IS NOT NULL
    GROUP BY country_code
),
core AS (SELECT * FROM pool JOIN target USING (country_code) WHERE enough),
-- Fractions are compared by their cross products, in whole numbers, so that nothing is rounded.
scarcest AS (
    SELECT samples, wanted FROM core AS a
    WHERE NOT EXISTS (
        FROM core AS b WHERE b.samples::HUGEINT * a.wanted < a.samples::HUGEINT * b.wanted
    )
    LIMIT 1
)
SELECT
    country_code,
    country_name,
    coalesce(pool.samples, 0) AS samples,
    coalesce(target.wanted, 0) AS wanted,
    CASE WHEN enough AND target.wanted > 0 THEN
        (target.wanted::HUGEINT * s.samples + s.wanted - 1) // s.wanted
    ELSE 0 END::BIGINT AS candidates,
    CASE
        WHEN pool.samples IS NULL THEN 'no samples'
        WHEN target.wanted IS NULL THEN 'not in the target'
        WHEN NOT enough THEN 'share too small'
        WHEN pool.samples::HUGEINT * s.wanted = target.wanted::HUGEINT * s.samples
            THEN 'sets the scale'
    END AS remark
FROM pool
FULL JOIN target USING (country_code)
LEFT JOIN scarcest AS s ON true
ORDER BY candidates DESC, samples DESC, country_code;
