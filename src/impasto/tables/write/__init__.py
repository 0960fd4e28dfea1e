"""Records: what a scorer says about an item, as lines of JSON, and files made of them.

A job's records are segments of JSON lines, one object per record, its item first:

    {"item": "photos/7.jpg", "label": "cat", "score": 0.93}
"""
