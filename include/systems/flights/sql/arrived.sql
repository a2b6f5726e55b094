-- The scheduled arrival is a wall clock at the destination: the first such time after the scheduled departure.
-- Four destinations are missing from `airports`; they lie in Puerto Rico and the Virgin Islands.
WITH zoned AS (
  SELECT f.*,
    coalesce(a.tzone, 'America/Puerto_Rico') AS zone,
    time_hour + to_minutes(CAST(minute AS INTEGER)) AS departs
  FROM flights f LEFT JOIN airports a ON a.faa = f.dest
  WHERE arr_delay IS NOT NULL
), local_arrival AS (
  SELECT *,
    date_trunc('day', timezone(zone, departs))
      + to_hours(CAST(sched_arr_time // 100 AS INTEGER)) + to_minutes(CAST(sched_arr_time % 100 AS INTEGER)) AS same_day
  FROM zoned
), scheduled_arrival AS (
  SELECT *,
    timezone(zone, CASE WHEN timezone(zone, same_day) > departs THEN same_day ELSE same_day + INTERVAL 1 DAY END) AS arrives
  FROM local_arrival
)
SELECT
  concat_ws('-', carrier, flight, origin, strftime(make_date(year, month, day), '%Y%m%d')) AS flight_id,
  arrives + to_minutes(CAST(arr_delay AS INTEGER)) AS arrived_at,
  carrier, CAST(flight AS VARCHAR) AS flight, origin, dest, tailnum,
  CAST(arr_delay AS DOUBLE) AS arr_delay,
  arr_delay >= 15 AS late
FROM scheduled_arrival
