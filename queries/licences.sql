-- Under which licences the samples stand, and whom to name.
SELECT
    license,
    any_value(license_url) AS license_url,
    count(*) AS samples,
    count(DISTINCT attribution) AS authors,
    count(*) FILTER (coalesce(attribution, '') = '') AS without_attribution
FROM samples
GROUP BY license
ORDER BY samples DESC, license;
