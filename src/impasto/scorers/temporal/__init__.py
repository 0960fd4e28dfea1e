"""Motion between frames: pictures that are carried along with it."""
