"""EVE in whatever storage Spark reads -> the report of one machine, read by a cluster: `eveproc report --on spark`."""
