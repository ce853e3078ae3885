"""What the suite said of many rerankers, recorded, and replayed to see whether it still says so.

`runs.py` is the only module that knows the product; `PYTHONPATH=src:tests python -m recorded.record --help` records.
"""
