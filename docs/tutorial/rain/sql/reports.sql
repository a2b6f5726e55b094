-- What the day brought, in millimetres, degrees Celsius and metres a second; snow counts as rain.
WITH days AS (
  SELECT *, strptime(date, '%Y/%m/%d') + INTERVAL 1 DAY AS midnight FROM weather
)
SELECT
  strftime(midnight - INTERVAL 1 DAY, '%Y-%m-%d') AS date,
  midnight AT TIME ZONE 'America/Los_Angeles' AS ended,
  (midnight + INTERVAL 1 HOUR) AT TIME ZONE 'America/Los_Angeles' AS reported,
  precipitation > 0 AS wet,
  precipitation AS rain,
  temp_max AS warmest,
  temp_min AS coldest,
  wind
FROM days
