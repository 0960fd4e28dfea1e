"""Motion between consecutive frames."""
