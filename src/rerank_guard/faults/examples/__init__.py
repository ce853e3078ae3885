"""Examples of faults that no injector shows, or not by the check that an example is wanted of; one module an idea.

A module-level `Example` is found by itself (`faults.example_catalogue`).
"""
