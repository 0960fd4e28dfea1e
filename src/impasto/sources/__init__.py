"""Sources (a video, images, any files or a table) that can be planned and read by index range."""
