-- Scheduled departure plus the delay is the one departure time that is right across midnight.
SELECT
  concat_ws('-', carrier, flight, origin, strftime(make_date(year, month, day), '%Y%m%d')) AS flight_id,
  time_hour + to_minutes(CAST(minute + dep_delay AS INTEGER)) AS departed_at,
  carrier, CAST(flight AS VARCHAR) AS flight, origin, dest, tailnum,
  CAST(dep_delay AS DOUBLE) AS dep_delay,
  dep_delay >= 15 AS departed_late
FROM flights
WHERE dep_delay IS NOT NULL
