"""MaxSight: what is ahead, how far and how urgent."""
