"""From what a simulation recorded to measurements with error bars, tables and plots."""
