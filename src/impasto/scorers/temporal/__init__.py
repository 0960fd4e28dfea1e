"""What consecutive frames have in common."""
