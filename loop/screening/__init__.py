"""Every candidate of a space scored, filtered and ranked, in bounded memory."""
