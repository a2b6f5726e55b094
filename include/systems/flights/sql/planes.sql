SELECT tailnum, CAST(year AS DOUBLE) AS built, CAST(seats AS DOUBLE) AS seats, CAST(engines AS DOUBLE) AS engines FROM planes
