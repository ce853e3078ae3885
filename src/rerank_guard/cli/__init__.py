"""The command line: doctor, plan, selftest, init, explain, checks, faults."""
