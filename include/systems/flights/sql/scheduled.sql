-- One row a flight, known a day ahead. The local wall clock is `time_hour` (UTC) plus the minute.
-- A cancelled flight has no tail number, so a tail number would give the cancellation away; these flights
-- have no label and never train, and at request time the number is what the airline has assigned.
SELECT
  concat_ws('-', carrier, flight, origin, strftime(make_date(year, month, day), '%Y%m%d')) AS flight_id,
  time_hour + to_minutes(CAST(minute AS INTEGER)) AS scheduled_departure,
  time_hour + to_minutes(CAST(minute AS INTEGER)) - INTERVAL 24 HOUR AS published,
  carrier, CAST(flight AS VARCHAR) AS flight, origin, dest, tailnum,
  CAST(distance AS DOUBLE) AS distance,
  CAST(sched_arr_time // 100 AS DOUBLE) AS arrival_hour
FROM flights
