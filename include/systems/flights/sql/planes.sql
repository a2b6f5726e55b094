SELECT tailnum, year AS built, seats, engines FROM planes
