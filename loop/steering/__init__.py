"""What people ask of a campaign, each request one event."""
