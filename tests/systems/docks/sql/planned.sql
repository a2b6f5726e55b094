SELECT station, hour, hour - INTERVAL 2 HOUR AS opened FROM hours
