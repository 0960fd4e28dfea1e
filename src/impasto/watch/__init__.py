"""New media in a store becomes a job, exactly once."""
