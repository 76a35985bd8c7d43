"""Several oracles: how each differs from experiment, and which one answers which liquid."""
