"""Why the surrogate says what it says, as pages with plots."""
