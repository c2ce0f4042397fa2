"""Open-loop load: calls fall due by a schedule, whether or not those before them are answered."""
