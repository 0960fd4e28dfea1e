"""Outputs: where a worker writes a shard, and how finished shards become one file.

The kinds are one video, one image, a folder of images, one file of records, and a folder of the
files that a script writes.
"""
