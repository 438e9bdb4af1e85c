"""The ground floor that every engine stands on; it knows no engine."""
