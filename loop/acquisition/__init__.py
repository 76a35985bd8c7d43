"""Which formulations to measure next: BoTorch acquisition over a streamed space, objectives, feasibility."""
