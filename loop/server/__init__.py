"""``saltloop serve``: a campaign over HTTP, for robots and for the dashboard."""
