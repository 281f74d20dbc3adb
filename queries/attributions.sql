-- Whom to name: every author, with the licence and the source of what is theirs.
SELECT
    nullif(attribution, '') AS attribution,
    license,
    any_value(license_url) AS license_url,
    source,
    count(*) AS samples,
    min(source_url) AS example
FROM samples
GROUP BY nullif(attribution, ''), license, source
ORDER BY samples DESC, attribution, license, source;
