"""EVE records in, one verdict per host out."""
