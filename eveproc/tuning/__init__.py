"""EVE of a site -> the thresholds that fit the activity of its hosts."""
