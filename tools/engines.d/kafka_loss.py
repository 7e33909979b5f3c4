"""What a power cut takes from a Kafka broker: it answers before its log is on the disk, so the last seconds of every partition may be gone.

A partition's log is a row of batches, each with its length at byte 8 and its latest time (ms) at byte 35.
"""
import glob
import os
import struct

HEAD = 43  # bytes of a batch up to its latest time


def keep(file, before_ms):
    """How many bytes of a log lie before its first batch that is not older than before_ms."""
    kept = 0
    while len(head := file.read(HEAD)) == HEAD:
        length, latest = struct.unpack_from('>i', head, 8)[0], struct.unpack_from('>q', head, 35)[0]
        if latest >= before_ms:
            break
        kept += 12 + length
        file.seek(kept)
    return kept


def cut(data, before_ms):
    """Cuts the log of every partition; the cluster's own, which is flushed, stays."""
    for folder in glob.glob(f'{glob.escape(data)}/*-*/'):
        logs = sorted(glob.glob(f'{glob.escape(folder)}*.log'))
        if not logs or os.path.basename(folder[:-1]).startswith('__cluster_metadata-'):
            continue
        with open(logs[-1], 'r+b') as file:
            file.truncate(keep(file, before_ms))
