"""What is known of all jobs of a home, and kept fresh however many clients look."""
