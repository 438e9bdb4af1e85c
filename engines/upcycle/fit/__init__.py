"""Training and evaluation of the upcycling networks."""
