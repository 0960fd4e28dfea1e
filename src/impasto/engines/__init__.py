"""The Engine protocol and its engines.

An engine runs shards on workers, each shard once; retry and resume are the caller's loop.

    inline   the calling process
    local    processes on this machine
    ray      a cluster; each worker is such a process, on one of its machines
"""
