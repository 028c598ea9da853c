"""What every part of the compiler rests on: reading files that others made."""
