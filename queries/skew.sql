-- How unevenly the samples lie over countries, regions and continents.
-- Gini is 0 where all that have samples have equally many, and nears 1 where one has nearly all.
-- The effective numbers are how many equally large ones would be as even: exp of the Shannon
-- entropy, and the inverse Simpson index (Hill numbers of order 1 and 2; Hill, Ecology 54, 1973).
WITH counted AS (
    SELECT 'country' AS of, country_code AS what, count(*) AS n FROM samples GROUP BY ALL
    UNION ALL
    SELECT 'region', region_id, count(*) FROM samples GROUP BY ALL
    UNION ALL
    SELECT 'continent', continent(country_code), count(*) FROM samples GROUP BY ALL
),
ranked AS (
    SELECT
        of,
        what,
        n,
        row_number() OVER (PARTITION BY of ORDER BY n) AS rank,
        n / sum(n) OVER (PARTITION BY of) AS part
    FROM counted
    WHERE what IS NOT NULL
)
SELECT
    of,
    count(*) AS number,
    round(2 * sum(rank * n) / (count(*) * sum(n)) - (count(*) + 1) / count(*), 4) AS gini,
    round(exp(-sum(part * ln(part))), 2) AS effective_shannon,
    round(1 / sum(part * part), 2) AS effective_simpson,
    max_by(what, (n, what)) AS largest,
    round(max(part), 4) AS largest_share,
    median(n) AS median_samples
FROM ranked
GROUP BY of
ORDER BY number, of;
