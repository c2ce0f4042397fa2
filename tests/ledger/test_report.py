from ledger.check import check
from ledger.report import Report
from support.ledger import History


def test_a_report_says_how_many_of_how_many_and_what_rate_that_rules_out() -> None:
    history = History()
    report = Report("pods deleted x 20", check(history.calls, history.records), seed=7)
    assert str(report) == (
        "pods deleted x 20: 0 of 4 calls failed (<= 75.00%), 0 of 4 acked lost, 0 ran twice, "
        "0 overlaps in 2 instances, 0 altered (tier 3, seed 7)"
    )


def test_a_report_of_failures_names_each_below_its_line() -> None:
    history = History()
    history.fail(0)
    line, problem = str(Report("quiet", check(history.calls, history.records), seed=7, tier=2)).splitlines()
    assert line.startswith(
        "quiet: 1 of 4 calls failed, 0 of 3 acked lost, 0 ran twice, 0 overlaps in 2 instances"
    )
    assert line.endswith("1 ran though they failed (tier 2, seed 7)")
    assert problem == '  failed: event 0, 0.100 s after it was due: 502  {"message": "gone"}'
