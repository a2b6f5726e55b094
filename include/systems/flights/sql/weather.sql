-- An observation of hour H is safe to use from H:52, when the report goes out.
SELECT
  concat_ws('-', origin, strftime(time_hour, '%Y%m%dT%H')) AS observation_id,
  time_hour AS observed_at,
  time_hour + INTERVAL 52 MINUTE AS reported_at,
  origin, temp, dewp, humid,
  wind_dir, wind_speed, precip, pressure, visib
FROM weather
