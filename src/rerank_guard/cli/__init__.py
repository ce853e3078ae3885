"""The command line: doctor, plan, selftest."""
