"""Reports of many nights -> a folder of linked pages, and a SQLite file of their rows."""
