"""Training, measuring and exporting MaxSight's own networks."""
