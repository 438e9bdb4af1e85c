"""What Stage A says of each cell and of the whole frame."""
