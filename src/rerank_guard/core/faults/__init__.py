"""The records of all faults, in one module a stage; `core.fault_catalogue` finds them by walking this package."""
