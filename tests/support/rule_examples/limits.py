"""Examples for the rules on memory, storage, durations, concurrency and tags."""

from support.rule_examples.example import Examples

_NOT_DURATIONS = (
    "",
    "0",
    "3",
    "-1s",
    "NaN",
    "1d",
    "1S",
    "1.s",
    "1.0005s",
    "1s\n",
    " 1s",
    "99999999h",
    "\N{ARABIC-INDIC DIGIT ONE}s",
)


def _spec(**fields: object) -> dict[str, object]:
    return {
        "concurrency": {"perInstance": 1},
        "scaling": {"min": 0, "idle": "5m"},
        "publish": "Manual",
        **fields,
    }


EXAMPLES = (
    Examples(
        "memory in range",
        ("128Mi", "10240Mi", "10Gi", "1G", "134217728", 134_217_728, 10_737_418_240, "131072Ki"),
        (
            *(
                "128",
                "127Mi",
                "10241Mi",
                "0",
                "-1",
                "1Ei",
                "128mi",
                "0.5Gi",
                "NaN",
                "",
                "1e9",
                "128Mi\n",
                "1Gi ",
            ),
            *("134217727", 0, -1, 128, 134_217_727, 10_737_418_241, "999999999999999999Gi"),
        ),
    ),
    Examples(
        "ephemeralStorage in range",
        ("512Mi", "10240Mi", 536_870_912),
        ("511Mi", "10241Mi", 0, 512, "512", "512MB"),
    ),
    Examples(
        "timeout in range",
        ("1s", "15m", "900s", "1000ms", "1m30s", "0.5s500ms", "0.25h"),
        (*_NOT_DURATIONS, "0s", "901s", "15m1s", "1500ms", "1.5s", "999ms", "1h"),
    ),
    Examples("idle in range", ("1s", "1.5s", "168h", "1500ms"), (*_NOT_DURATIONS, "999ms", "169h")),
    Examples("maximumEventAge in range", ("60s", "6h", "1m"), (*_NOT_DURATIONS, "59s", "6h1s", "90.5s")),
    Examples("interval in range", ("1s", "168h", "1m"), (*_NOT_DURATIONS, "0s", "169h")),
    Examples(
        "the floor is below the cap",
        (
            _spec(),
            _spec(scaling={"min": 9, "idle": "5m"}),
            _spec(scaling={"min": 2, "idle": "5m"}, concurrency={"reserved": 2, "perInstance": 1}),
            _spec(concurrency={"reserved": 0, "perInstance": 1}),
        ),
        (
            _spec(scaling={"min": 3, "idle": "5m"}, concurrency={"reserved": 2, "perInstance": 1}),
            _spec(scaling={"min": 1, "idle": "5m"}, concurrency={"reserved": 0, "perInstance": 1}),
        ),
    ),
    Examples(
        "an alias follows automatic versions only",
        (_spec(), _spec(publish="Auto"), _spec(publish="Auto", publishAlias="live")),
        (_spec(publishAlias="live"),),
    ),
    Examples(
        "at most fifty tags",
        ({}, {str(number): "" for number in range(50)}),
        ({str(number): "" for number in range(51)},),
    ),
    Examples("short names of tags", ({}, {"a": ""}, {"ä" * 128: ""}), ({"": ""}, {"a" * 129: ""})),
)
