"""When a campaign stops."""
