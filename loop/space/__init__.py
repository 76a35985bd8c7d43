"""The space of a campaign or a screening: what may be mixed, numbered and never listed."""
