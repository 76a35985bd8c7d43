"""What we can compute: force fields, boxes, molecular dynamics, transport, and the oracle interface."""
