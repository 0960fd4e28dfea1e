"""Reading video: containers, packets and exact ranges of frames."""
