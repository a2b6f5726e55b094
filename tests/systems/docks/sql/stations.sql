SELECT station, CAST(docks AS DOUBLE) AS docks, CAST(hill AS DOUBLE) AS hill FROM stations
