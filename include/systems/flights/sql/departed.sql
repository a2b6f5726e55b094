-- Scheduled departure plus the delay is the one departure time that is right across midnight.
SELECT
  concat_ws('-', carrier, flight, origin, strftime(make_date(year, month, day), '%Y%m%d')) AS flight_id,
  time_hour + to_minutes(minute + dep_delay) AS departed_at,
  carrier, flight, origin, dest, tailnum,
  dep_delay,
  dep_delay >= 15 AS departed_late
FROM flights
WHERE dep_delay IS NOT NULL
