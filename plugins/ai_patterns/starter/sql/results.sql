-- What the hour brought; known when it has ended.
SELECT
  concat_ws('-', machine, strftime(hour, '%Y%m%dT%H')) AS hour_id,
  hour + INTERVAL 1 HOUR AS ended,
  machine,
  CAST(load AS DOUBLE) AS load,
  attention = 1 AS attention
FROM readings
