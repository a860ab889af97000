"""EVE in any storage that Spark reads -> the same report: `eveproc report --on spark`."""
