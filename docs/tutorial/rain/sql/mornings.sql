-- One row a day: six in the morning in Seattle. The calendar is known long before; a week is enough.
WITH mornings AS (
  SELECT strptime(date, '%Y/%m/%d') AS midnight FROM weather
)
SELECT
  strftime(midnight, '%Y-%m-%d') AS date,
  (midnight + INTERVAL 6 HOUR) AT TIME ZONE 'America/Los_Angeles' AS begins,
  (midnight - INTERVAL 7 DAY) AT TIME ZONE 'America/Los_Angeles' AS planned
FROM mornings
