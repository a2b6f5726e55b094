"""Real services as ordinary processes of this machine: started, told about and stopped by name, their data kept."""
