"""The ledger: numbered events, what was executed of them, written down outside the system under test, and a checker."""
