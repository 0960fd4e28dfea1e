"""What detectors, segmenters, pose models and classifiers find in pictures, and painting it."""
