-- One row a flight, known a day ahead. The local wall clock is `time_hour` (UTC) plus the minute.
-- A cancelled flight has no tail number, so a tail number would give the cancellation away; these flights
-- have no label and never train, and at request time the number is what the airline has assigned.
SELECT
  concat_ws('-', carrier, flight, origin, strftime(make_date(year, month, day), '%Y%m%d')) AS flight_id,
  time_hour + to_minutes(minute) AS scheduled_departure,
  time_hour + to_minutes(minute) - INTERVAL 24 HOUR AS published,
  carrier, flight, origin, dest, tailnum,
  distance,
  sched_arr_time // 100 AS arrival_hour
FROM flights
