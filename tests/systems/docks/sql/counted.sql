-- An hour is counted when it has ended and reported ten minutes later. A broken counter says -1.
SELECT station, hour, hour + INTERVAL 1 HOUR AS counted_at, hour + INTERVAL 70 MINUTE AS reported_at,
  CAST(rides AS DOUBLE) AS rides, CAST(temperature AS DOUBLE) AS temperature
FROM hours
