-- One row a machine and hour, planned a day ahead.
SELECT
  concat_ws('-', machine, strftime(hour, '%Y%m%dT%H')) AS hour_id,
  hour AS starts,
  hour - INTERVAL 1 DAY AS planned,
  machine
FROM readings
