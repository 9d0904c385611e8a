"""MongoDB, the truth: the only package that knows motor and pymongo."""
