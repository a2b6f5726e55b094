-- The scheduled arrival is a wall clock at the destination: the first such time after the scheduled departure.
-- Four destinations are missing from `airports`; they lie in Puerto Rico and the Virgin Islands.
WITH zoned AS (
  SELECT f.*,
    coalesce(a.tzone, 'America/Puerto_Rico') AS zone,
    time_hour + to_minutes(minute) AS departs
  FROM flights f LEFT JOIN airports a ON a.faa = f.dest
  WHERE arr_delay IS NOT NULL
), local_arrival AS (
  SELECT *,
    date_trunc('day', timezone(zone, departs))
      + to_hours(sched_arr_time // 100) + to_minutes(sched_arr_time % 100) AS same_day
  FROM zoned
), scheduled_arrival AS (
  SELECT *,
    timezone(zone, CASE WHEN timezone(zone, same_day) > departs THEN same_day ELSE same_day + INTERVAL 1 DAY END) AS arrives
  FROM local_arrival
)
SELECT
  concat_ws('-', carrier, flight, origin, strftime(make_date(year, month, day), '%Y%m%d')) AS flight_id,
  arrives + to_minutes(arr_delay) AS arrived_at,
  carrier, flight, origin, dest, tailnum,
  arr_delay,
  arr_delay >= 15 AS late
FROM scheduled_arrival
