"""The contract as a pytest kit: what a backend owes to apps, checked on any installed backend.

    pytest --pyargs hinge.conformance --backend NAME

Law: a check sees what an app and its client see, through `hinge.testing.Client`, and nothing of the backend's inside.
It stands for one clause (`hinge.conformance.clauses`); it is skipped only where the backend lacks a `Feature`. It needs
pytest and nothing else beside Hinge.
"""
