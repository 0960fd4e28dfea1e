"""How an output looks in motion beside its source: flicker, sharpness, seams, colours, style."""
