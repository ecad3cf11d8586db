"""What comes up for renewal in a quarter, how much of it is kept, and how much hangs in the balance."""
