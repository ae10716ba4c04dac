"""What every message says: the HIS contract, the centre's envelope, the transaction catalogue.

No I/O but reading its own data files, no clock, no logging, nothing of ours imported.
"""
